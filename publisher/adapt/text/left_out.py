"""Records what shortening left out of a caption, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from publisher.adapt.problem_codes import LeftOutText
from publisher.core.messages import Message, _
from publisher.core.problems import Problem

PARTS: Mapping[str, Message] = {
    "title": _("the title"),
    "standfirst": _("the standfirst"),
    "body": _("the body"),
    "written_by": _("the writer"),
    "text": _("the text"),
}
"""The parts that may be left out, by field."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Records what shortening removed from one field."""

    field: str
    """The post's field, such as `body`; `text` where the part holds several fields or none."""
    is_whole: bool = False
    """Nothing of it is left; else the next two say what is missing at its end."""
    cuts_sentence: bool = False
    sentences: int = 0
    """Whole sentences that were removed."""
    hashtags: int = 0
    """Hashtags that were removed; nothing else was, then."""

    def describe(self) -> Problem:
        """Returns it as a remark, such as `2 sentences of the body`."""
        if self.hashtags:
            return LeftOutText.HASHTAGS(count=self.hashtags)
        part = PARTS.get(self.field, self.field)
        if self.is_whole:
            return LeftOutText.WHOLE_FIELD(part=part)
        if not self.cuts_sentence:
            return LeftOutText.SENTENCES(count=self.sentences, part=part)
        if self.sentences:
            return LeftOutText.END_AND_SENTENCES(count=self.sentences, part=part)
        return LeftOutText.END_OF_SENTENCE(part=part)


def add_left_out(first: Iterable[LeftOut], then: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Returns what went in two steps as one list: a field once, with all its sentences."""
    fields = {part.field: part for part in first}
    for part in then:
        before = fields.get(part.field)
        fields[part.field] = _sum(before, part) if before else part
    return tuple(fields.values())


def _sum(before: LeftOut, then: LeftOut) -> LeftOut:
    return replace(then, sentences=before.sentences + then.sentences, hashtags=before.hashtags + then.hashtags)
