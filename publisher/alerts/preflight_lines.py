"""Defines what a preflight examines, and the lines of its result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from publisher.core.messages import Message, _
from publisher.core.problems import Problem


class PreflightCheck(StrEnum):
    """Names what is examined. Programs get the names."""

    POST = "post"
    CHANNEL = "channel"
    CREDENTIALS = "credentials"
    CAPTION = "caption"
    PICTURES = "pictures"
    ALT_TEXT = "alt text"
    BUDGET = "budget"
    LINK = "link"
    REMARK = "remark"
    HOUR = "hour"
    PROCESSES = "processes"
    ALERTS = "alerts"
    BACKUP = "backup"

    @property
    def label(self) -> Message:
        """The name that people read."""
        return LABELS[self]


LABELS = {
    PreflightCheck.POST: _("post"),
    PreflightCheck.CHANNEL: _("channel"),
    PreflightCheck.CREDENTIALS: _("credentials"),
    PreflightCheck.CAPTION: _("caption"),
    PreflightCheck.PICTURES: _("pictures"),
    PreflightCheck.ALT_TEXT: _("alt text"),
    PreflightCheck.BUDGET: _("budget"),
    PreflightCheck.LINK: _("link"),
    PreflightCheck.REMARK: _("remark"),
    PreflightCheck.HOUR: _("hour"),
    PreflightCheck.PROCESSES: _("processes"),
    PreflightCheck.ALERTS: _("alerts"),
    PreflightCheck.BACKUP: _("backup"),
}


@dataclass(frozen=True, slots=True)
class PreflightLine:
    """Holds the result for one thing that was examined."""

    channel: str
    """Empty: it is about the post on every channel."""
    what: PreflightCheck
    result: Message | Problem
    """A clause: what is wrong if it is a problem, else that all is well."""

    warning: bool = False
    """The post goes out nevertheless, but a person should look."""

    @property
    def good(self) -> bool:
        return self.warning or not isinstance(self.result, Problem)

    @property
    def message(self) -> str:
        """Renders the result for the present reader."""
        return str(self.result)

    def to_json(self) -> dict[str, Any]:
        """Returns the line as programs get it."""
        shown = {"channel": self.channel, "what": self.what, "good": self.good, "message": self.message}
        shown |= {"warning": self.warning}
        return shown | (self.result.to_json() if isinstance(self.result, Problem) else {})
