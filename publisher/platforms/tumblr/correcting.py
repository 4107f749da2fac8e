"""Corrects a public post on Tumblr: reads it, and replaces its text, its tags, its link and its alt texts at once.

An edit of Tumblr's replaces the whole post. What must stay is taken from the post as Tumblr shows it: its pictures by
their addresses there, and its slug. The request names the post's id, so that it can make no post.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from publisher.core.content import AdaptedPost
from publisher.platforms.abilities import CorrectionEnd
from publisher.platforms.errors import ContentRejected, Unavailable
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.tumblr import recognition as posts
from publisher.platforms.tumblr.answers import NotFound
from publisher.platforms.tumblr.client import CORRECTING, SafeTumblrClient
from publisher.platforms.tumblr.listing import find_by_draft
from publisher.platforms.tumblr.npf import correcting_body
from publisher.platforms.tumblr.problem_codes import TumblrRequestProblem

PLATFORM = "Tumblr"
REDIRECTION = "https://href.li/?"
"""Before an address, it hides from the target where a reader comes from."""
Marks = frozenset[tuple[str, str]]
"""The formatting of a character: its kinds, each with an address where it is a link."""


def correct(client: SafeTumblrClient, remote_id: str, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
    """Gives a public post what `after` says. Raises what `SupportsCorrection.correct` does."""
    shown = _read(client, remote_id)
    if len(posts.blocks(shown, "image")) != len(after.images) or _has_other_blocks(shown):
        raise ContentRejected(CorrectionProblem.CHANGED_THERE(platform=PLATFORM))
    body = correcting_body(shown, after)
    if _is_as_in(shown, body):
        return CorrectionEnd.SHOWN_ALREADY
    if not _is_as_in(shown, correcting_body(shown, before)):
        raise ContentRejected(CorrectionProblem.CHANGED_THERE(platform=PLATFORM))
    try:
        client.edit(posts.identifier(shown), body, kind=CORRECTING)
    except NotFound as error:
        problem = CorrectionProblem.POST_GONE(platform=PLATFORM)
        raise ContentRejected(problem, status=error.status, answer=error.answer) from error
    return CorrectionEnd.SENT


def _has_other_blocks(shown: posts.PostData) -> bool:
    """Decides whether somebody put more into a post than text and pictures, which the edit would remove."""
    content = shown.get("content")
    return any(
        not isinstance(block, Mapping) or block.get("type") not in ("image", "text")
        for block in (content if isinstance(content, list) else [])
    )


def _read(client: SafeTumblrClient, remote_id: str) -> posts.PostData:
    """Returns the public post with this id, or with this id as a draft."""
    shown: posts.PostData | None
    try:
        shown = client.single(remote_id)
    except NotFound:
        shown = find_by_draft(client, remote_id)
    if shown is None:
        raise ContentRejected(CorrectionProblem.POST_GONE(platform=PLATFORM))
    match posts.state(shown):
        case posts.PUBLISHED:
            return shown
        case posts.DRAFT | posts.TRANSCODING | "":
            # A reading may lag behind the publication.
            problem = TumblrRequestProblem.STATE_UNCLEAR(post=remote_id, state=posts.state_name(shown))
            raise Unavailable(problem)
    raise ContentRejected(CorrectionProblem.POST_HIDDEN(platform=PLATFORM, state=posts.state_name(shown)))


def _is_as_in(shown: posts.PostData, body: Mapping[str, Any]) -> bool:
    """Decides whether a post shows all of a body, its texts with their formatting and its pictures in their places."""
    return (
        not posts.differences(shown, body)
        and _rows(shown) == _rows(body)
        and _formatted_texts(shown) == _formatted_texts(body)
        and _address(shown.get("source_url_raw") or shown.get("source_url")) == _address(body["source_url"])
    )


def _rows(shown: posts.PostData) -> list[list[str]]:
    """Returns the rows of a post from top to bottom: the numbers of their pictures and texts, empty texts left out.

    A post without a layout has a row for each block.
    """
    content = [block for block in shown.get("content") or () if isinstance(block, Mapping)]
    counts: Counter[str] = Counter()
    names = []
    for block in content:
        kind = str(block.get("type"))
        is_seen = kind != "text" or bool(str(block.get("text") or "").strip())
        counts[kind] += is_seen
        names.append(f"{kind} {counts[kind]}" if is_seen else "")
    rows = _layout_rows(shown) or [[number] for number in range(len(names))]
    named = ([names[number] for number in row if 0 <= number < len(names) and names[number]] for row in rows)
    return [row for row in named if row]


def _layout_rows(shown: posts.PostData) -> list[list[int]]:
    """Returns the blocks in each row of a post's layout; nothing where it has none that divides it into rows."""
    for layout in shown.get("layout") or ():
        display = layout.get("display") if isinstance(layout, Mapping) and layout.get("type") == "rows" else None
        if isinstance(display, list):
            return [
                [number for number in row.get("blocks") or () if isinstance(number, int)]
                for row in display
                if isinstance(row, Mapping)
            ]
    return []


def _formatted_texts(shown: posts.PostData) -> list[tuple[str, list[tuple[str, Marks]]]]:
    """Returns the kind of each text that is not empty, and its characters with the formatting of each."""
    texts = ((str(block.get("subtype") or ""), list(_characters(block))) for block in posts.blocks(shown, "text"))
    return [(kind, characters) for kind, characters in texts if characters]


def _characters(block: posts.PostData) -> Iterator[tuple[str, Marks]]:
    """Yields what readers see of a text: Tumblr may divide ranges, change spaces and compose accents."""
    formatting = [mark for mark in block.get("formatting") or () if isinstance(mark, Mapping)]
    for number, character in enumerate(str(block.get("text") or "")):
        if character.isspace():
            continue
        marks = frozenset(
            (str(mark.get("type")), _address(mark.get("url")))
            for mark in formatting
            if mark.get("start", 0) <= number < mark.get("end", 0)
        )
        for part in unicodedata.normalize("NFD", character):
            yield part, marks


def _address(url: object) -> str:
    """Returns an address without what Tumblr may add to it."""
    return str(url or "").removeprefix(REDIRECTION).rstrip("/")
