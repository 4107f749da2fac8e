"""Holds what a correction of a published post would do, as the pages, the command line and the API show it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from publisher.core.content import AdaptedPost
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.delivery.corrected_parts import PartChange
from publisher.posts.approved import Reach
from publisher.posts.problems import PostProblem


@dataclass(frozen=True, slots=True)
class ChannelCorrection:
    """Holds what a correction changes of one published post on one channel."""

    delivery: int
    channel: str
    place: Message
    """The channel, and which part of a thread it is, for people."""
    day: date
    url: str | None
    after: AdaptedPost
    """What followers are to have: with the parts that can't be corrected as they are."""
    changes: tuple[PartChange, ...]
    refusal: Problem | None = None
    """Why nothing of it is sent. None: nothing speaks against it."""

    @property
    def sent(self) -> tuple[PartChange, ...]:
        """The changes that followers will see."""
        return () if self.refusal else tuple(change for change in self.changes if change.why_not is None)

    @property
    def left(self) -> tuple[PartChange, ...]:
        """The changes that followers will not see."""
        return self.changes if self.refusal else tuple(change for change in self.changes if change.why_not is not None)

    @property
    def reasons(self) -> tuple[Problem, ...]:
        """Why followers will not see all of it, each reason once."""
        if self.refusal:
            return (self.refusal,)
        return tuple(dict.fromkeys(change.why_not for change in self.left if change.why_not is not None))

    def to_json(self) -> dict[str, Any]:
        """Returns it for programs, with its texts for the present reader."""
        return {
            "delivery": self.delivery,
            "channel": self.channel,
            "place": str(self.place),
            "day": self.day,
            "url": self.url,
            "is_corrected": bool(self.sent),
            "changes": [_change_to_json(change) for change in self.changes],
            "refusal": self.refusal and self.refusal.to_json_with_text(),
        }


@dataclass(frozen=True, slots=True)
class CorrectionPlan:
    """Holds what a correction would do."""

    post: int
    version: int
    """Of the post, as it was when the plan was made."""
    fields: tuple[str, ...]
    """The fields of the post's own record that change."""
    channels: tuple[ChannelCorrection, ...]
    reach: Reach
    """Channels that have not published it yet, and get the corrected text."""
    unsettled: tuple[Message, ...]
    """Places on which it is not known whether the post is public."""
    new_problems: tuple[PostProblem, ...]
    """What would block the corrected post, and does not block it as it is."""

    @property
    def changes_anything(self) -> bool:
        return bool(self.fields) or any(channel.sent for channel in self.channels)

    @property
    def digest(self) -> str:
        """Returns a text that is another one as soon as the plan would do anything else."""
        what = [
            [channel.delivery, bool(channel.sent), channel.after.model_dump(mode="json")] for channel in self.channels
        ]
        plain = json.dumps([self.post, self.version, self.fields, what], sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:32]

    @property
    def remarks(self) -> tuple[Message, ...]:
        """Says what holds for the channels where the post is not known to be public."""
        texts = []
        if self.reach.applies_to:
            waiting = list(self.reach.applies_to)
            texts.append(_("Not published yet, and goes out corrected: {channels:list}.", channels=waiting))
        if self.unsettled:
            texts.append(
                _(
                    "It is not known yet whether the post is public on {channels:list}; correct it there once it is.",
                    channels=list(self.unsettled),
                )
            )
        return tuple(texts)

    def to_json(self) -> dict[str, Any]:
        """Returns the plan for programs, with its texts for the present reader."""
        return {
            "post": self.post,
            "version": self.version,
            "digest": self.digest,
            "fields": list(self.fields),
            "channels": [channel.to_json() for channel in self.channels],
            "applies_to": list(self.reach.applies_to),
            "unsettled": [*map(str, self.unsettled)],
            "new_problems": [problem.to_json() for problem in self.new_problems],
        }


def _change_to_json(change: PartChange) -> dict[str, Any]:
    return {
        "part": change.part.value,
        "number": change.number,
        "before": change.before,
        "after": change.after,
        "why_not": change.why_not and change.why_not.to_json_with_text(),
    }
