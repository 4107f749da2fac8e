"""Finds markup in the texts of a post that the editor does not write and that followers can't be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import regex

from publisher.adapt.problem_codes import AdaptProblem
from publisher.adapt.text.cleaning import one_line
from publisher.adapt.text.foreign_html import Trouble
from publisher.adapt.text.foreign_markup import Finding, understand
from publisher.adapt.text.markdown import plain_marker, plain_words
from publisher.adapt.text.markup_signs import remove_signs
from publisher.adapt.text.mentions import MENTION
from publisher.core.content import ContentProblem, SourcePost
from publisher.core.field_names import FIELD_NAMES
from publisher.core.messages import Message

CODES: Mapping[Trouble, AdaptProblem] = {
    Trouble.PICTURE: AdaptProblem.MARKUP_PICTURE,
    Trouble.EMBEDDED: AdaptProblem.MARKUP_EMBEDDED,
    Trouble.NOT_CLOSED: AdaptProblem.MARKUP_NOT_CLOSED,
    Trouble.REFERENCE_MISSING: AdaptProblem.MARKUP_REFERENCE_MISSING,
    Trouble.TABLE: AdaptProblem.MARKUP_TABLE,
    Trouble.NOT_RAISED: AdaptProblem.MARKUP_NOT_RAISED,
}
_LINK = regex.compile(r"\]\(|\bhref\b", regex.IGNORECASE)
_FIELDS = ("title", "standfirst", "body", "written_by", "credit", "licence")
_REMARKS = frozenset({Trouble.REFERENCE_MISSING, Trouble.TABLE, Trouble.NOT_RAISED})
"""Followers read all of the words nevertheless."""


def markup_problems(post: SourcePost, by_hand: str) -> tuple[ContentProblem, ...]:
    """Finds it in a post as it is stored, so that lines count as staff see them.

    `by_hand`: the caption written by hand, where it has markup; it replaces all other texts. Empty: there is none.
    """
    texts = {"caption": by_hand} if by_hand else {name: getattr(post, name) for name in _FIELDS}
    return tuple(problem for name, text in texts.items() for problem in _problems(name, text))


def _problems(field: str, text: str) -> Iterator[ContentProblem]:
    known: set[Finding] = set()
    for finding in understand(remove_signs(text.replace("\r\n", "\n").replace("\r", "\n")))[1]:
        if finding not in known:
            known.add(finding)
            problem = CODES[finding.trouble](name=_name(field), line=finding.line, markup=finding.markup)
            yield ContentProblem(field=field, problem=problem, blocking=finding.trouble not in _REMARKS)
    for number, line in enumerate(text.splitlines(), start=1):
        for words, address in plain_marker().lost_links(remove_signs(line)) if _LINK.search(line) else ():
            place = {"name": _name(field), "line": number}
            code = AdaptProblem.LINK_LEADS_NOWHERE if address else AdaptProblem.LINK_IS_EMPTY
            problem = code(**place, words=words, address=address)
            yield ContentProblem(field=field, problem=problem, blocking=False)


def _name(field: str) -> Message:
    return FIELD_NAMES["captions" if field == "caption" else field]


def typed_markup_problems(caption: str, platform: str) -> tuple[ContentProblem, ...]:
    """Finds markup in a caption for one channel without rich text, where it goes out as it is typed."""
    problems = []
    for number, line in enumerate(caption.splitlines(), start=1):
        text = MENTION.sub(r"\1", one_line(line))
        if plain_words(text) != text:
            code = AdaptProblem.MARKUP_TYPED
            problem = code(name=FIELD_NAMES["captions"], line=number, platform=platform)
            problems.append(ContentProblem(field="caption", problem=problem, blocking=False))
    return tuple(problems)
