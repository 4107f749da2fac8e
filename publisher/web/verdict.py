"""Says in words whether a post can be approved, or is approved as its form shows it."""

from __future__ import annotations

from dataclasses import dataclass

from publisher.core.messages import Message, _, ngettext


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the form of a post says of its approval."""

    short: Message | str
    """For the bar of the form, beside the post's state. Empty: the state says it."""
    sentence: Message
    """Above the list of what blocks, where there is something."""


def verdict_on(blockers: int, *, is_approved: bool, is_changed: bool) -> Verdict:
    """Says what so many blocking problems mean for a post.

    `is_changed`: the form differs from the stored post, and saving it takes an approval back.
    """
    if is_approved and not is_changed:
        if not blockers:
            return Verdict("", _("It is approved as it stands here."))
        problems = ngettext("{count:number} problem", "{count:number} problems", count=blockers)
        return Verdict(problems, _("It is approved, and this has come up since:"))
    if blockers:
        things = ngettext(
            "{count:number} thing before approval", "{count:number} things before approval", count=blockers
        )
        return Verdict(things, _("Before it can be approved:"))
    if is_approved:
        return Verdict(
            _("Nothing blocks approval"), _("It differs from what was approved; nothing blocks a new approval.")
        )
    return Verdict(_("Nothing blocks approval"), _("Nothing blocks approval."))
