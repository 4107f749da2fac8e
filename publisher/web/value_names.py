"""Names states, reasons and roles for people; the values themselves are for programs."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.core.messages import Message, _
from publisher.core.states import CorrectionState, State
from publisher.staff.roles import Role

DELIVERY_STATES: Mapping[str, Message] = {
    State.PENDING: _("pending"),
    State.PREPARING: _("preparing"),
    State.PUBLISHING: _("publishing"),
    State.UNCONFIRMED: _("unconfirmed"),
    State.PUBLISHED: _("published"),
    State.HELD: _("held"),
    State.FAILED: _("failed"),
    State.MISSED: _("missed"),
    State.CANCELED: _("canceled"),
}
POST_STATES: Mapping[str, Message] = {
    "draft": _("draft"),
    "in_review": _("in review"),
    "approved": _("approved"),
    "withdrawn": _("withdrawn"),
}
CORRECTION_STATES: Mapping[str, Message] = {
    CorrectionState.WAITING: _("waiting to be sent"),
    CorrectionState.SENDING: _("being sent"),
    CorrectionState.UNKNOWN: _("sent, and not known yet whether it was carried out"),
    CorrectionState.DONE: _("followers have it"),
    CorrectionState.FAILED: _("not carried out"),
    CorrectionState.REPLACED: _("replaced by a newer one"),
}
ROLES: Mapping[str, Message] = {
    Role.CONTRIBUTOR: _("contributor"),
    Role.EDITOR: _("editor"),
    Role.OPERATOR: _("operator"),
    Role.ADMIN: _("admin"),
}


def delivery_state(state: str) -> Message | str:
    """Names a state of a delivery."""
    return DELIVERY_STATES.get(state, state)


def correction_state(state: str) -> Message | str:
    """Names a state of a correction."""
    return CORRECTION_STATES.get(state, state)


def post_state(state: str) -> Message | str:
    """Names a state of a post."""
    return POST_STATES.get(state, state)


def role_name(role: str) -> Message | str:
    """Names a role; another version of the program may have given one that this version does not know."""
    return ROLES.get(role, role)
