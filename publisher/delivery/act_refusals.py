"""Refuses a person's act, with a typed reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.core.errors import UserError
from publisher.delivery.problem_codes import ActProblem
from publisher.platforms.links import LinkFault

LINK_FAULTS: Mapping[LinkFault, ActProblem] = {
    LinkFault.NOT_A_LINK: ActProblem.NOT_A_LINK,
    LinkFault.OTHER_PLATFORM: ActProblem.OTHER_PLATFORM,
    LinkFault.OTHER_ACCOUNT: ActProblem.OTHER_ACCOUNT,
    LinkFault.NOT_A_POST: ActProblem.NOT_A_POST,
}


class ActRefused(UserError):
    """Says that an act isn't possible, or would risk a second copy; nothing was changed."""

    def __init__(self, reason: ActProblem, /, **parameters: Any) -> None:
        super().__init__(reason(**parameters))
        self.code = reason.short_code
        self.reason = reason
