"""Names what a person can do about a problem, and says it for each place where a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from publisher.core.messages import Face, Message, _


class Remedy(Enum):
    """Names what a person can do. The parameters of the problem fill the fields, such as `{channel}`.

    `command`: what to type. `sentences`: what it says on the command line, on a page, and to a program.
    `path`: the page of the desk where it is done.
    """

    CONNECT_CHANNEL = (
        "publisher connect {channel}",
        _("Run: publisher connect {channel}"),
        _("Connect it on the page Channels."),
        _("A person can connect the channel {channel} again."),
        "/channels",
    )
    RECONNECT_AND_RETRY = (
        "publisher connect {channel}, publisher resume {channel}, publisher retry {delivery}",
        _(
            "Run publisher connect {channel}, or mend its secrets. "
            "Then: publisher resume {channel}, publisher retry {delivery}."
        ),
        _(
            "Connect it on the page Channels, or have its secrets mended. "
            "Then resume the channel on the page Channels, and let this try again."
        ),
        _("A person can connect the channel {channel} again and resume it; then retry the delivery."),
        "/deliveries/{delivery}",
    )
    RESUME_CHANNEL = (
        "publisher resume {channel}",
        _("Once that is mended, run: publisher resume {channel}"),
        _("Once that is mended, resume it on the page Channels."),
        _("Once that is mended, a person can resume the channel {channel}."),
        "/channels",
    )
    RAISE_BUDGET = (
        _("raise channels.{channel}.monthly_budget"),
        _("Raise channels.{channel}.monthly_budget in the configuration."),
        _("Have channels.{channel}.monthly_budget raised in the configuration."),
        _("An operator can raise channels.{channel}.monthly_budget in the configuration."),
        "",
    )
    END_WAIT = (
        "publisher resume {channel}",
        _("To end that, run: publisher resume {channel}"),
        _("Resume it on the page Channels to end that."),
        _("A person can end that."),
        "/channels",
    )
    END_WAIT_IF_ANY = (
        "publisher resume {channel}",
        _("If its channel is paused or waits, end that with: publisher resume {channel}"),
        _("If its channel is paused or waits, resume it on the page Channels."),
        _("If its channel is paused or waits, a person can resume it."),
        "/channels",
    )
    RETRY_DELIVERY = (
        "publisher retry {delivery}",
        _("Then: publisher retry {delivery}"),
        _("Then let it try again."),
        _("Then retry the delivery."),
        "/deliveries/{delivery}",
    )
    RETRY_OR_CANCEL = (
        _("publisher retry {delivery}, or publisher cancel {delivery}"),
        _("Use retry to publish it late, or cancel."),
        _("Let it try again to publish it late, or cancel it."),
        _("Retry the delivery to publish it late, or cancel it."),
        "/deliveries/{delivery}",
    )
    ADAPT_AGAIN = (
        "publisher retry {delivery}",
        _(
            "Run publisher retry {delivery}, which makes the text anew from the approved post. If that changes "
            "nothing, install the version that ran before, or give this post up: publisher cancel {delivery}."
        ),
        _(
            "Let it try again, which makes the text anew from the approved post. If that changes nothing, have the "
            "version installed that ran before, or give this post up."
        ),
        _("Retry the delivery, which makes the text anew from the approved post; or cancel it."),
        "/deliveries/{delivery}",
    )
    RESTORE_CHANNEL = (
        _("publisher retry {delivery}, or publisher cancel {delivery}"),
        _(
            "Write it there again and restart the desk, then: publisher retry {delivery}. "
            "Or give this up: publisher cancel {delivery}."
        ),
        _("Have it written there again and the desk restarted, then let this try again. Or give this up."),
        _("An operator can write the channel there again and restart the desk; then retry the delivery, or cancel it."),
        "/deliveries/{delivery}",
    )
    LOOK_THEN_SETTLE = (
        _("publisher adopt {delivery} LINK if it is there, else publisher retry {delivery} --i-have-looked"),
        _("If it is there: publisher adopt {delivery} LINK. If it is not: publisher retry {delivery} --i-have-looked"),
        _("If it is there, adopt it by its link. If it is not, say that you have looked and try again."),
        _("If it is there, adopt it by its link. If it is not, repeat this with i_have_looked."),
        "/deliveries/{delivery}",
    )
    ADOPT_UNREAD = (
        "publisher adopt {delivery} LINK --unread",
        _("If you see the post yourself, repeat this with --unread."),
        _("If you see the post yourself, say so below and adopt it again."),
        _("If a person sees the post, repeat this with unread."),
        "/deliveries/{delivery}",
    )
    ADOPT_LATER_OR_UNREAD = (
        "publisher adopt {delivery} LINK",
        _("Try again later; or, if you see the post yourself, repeat this with --unread."),
        _("Try again later; or, if you see the post yourself, say so below and adopt it again."),
        _("Try again later; or, if a person sees the post, repeat this with unread."),
        "/deliveries/{delivery}",
    )
    SHOW_DELIVERY = (
        "publisher log {delivery}",
        _("See: publisher log {delivery}"),
        _("Open the delivery to see its history."),
        _("Read the delivery to see its attempts."),
        "/deliveries/{delivery}",
    )
    LIST_DELIVERIES = (
        "publisher deliveries",
        _("List them with: publisher deliveries"),
        _("Look for it among the deliveries."),
        _("List them to find the one that you mean."),
        "/deliveries",
    )
    LIST_HELD_DELIVERIES = (
        "publisher deliveries --state held",
        _("List them with: publisher deliveries --state held"),
        _("Look for them among the held deliveries."),
        _("List the held deliveries to find them."),
        "/deliveries?state=held",
    )
    OPEN_POST = (
        "{url}",
        _("See: {url}"),
        _("See: {url}"),
        _("See: {url}"),
        "",
    )
    CHOOSE_WINDOW = (
        "publisher edit {post} --window {picture}=detected",
        _(
            "To take what is proposed: publisher edit {post} --window {picture}=detected. The other choices are "
            "percentile, full, and two values such as 200-3000."
        ),
        _("Choose it below the picture's alt text."),
        _("Set choices.window of the picture to detected, percentile, full or two values such as [200, 3000]."),
        "/posts/{post}",
    )
    CHOOSE_COLOUR_CHANNELS = (
        "publisher edit {post} --colour-channels {picture}=green,off",
        _(
            "To choose, name a colour or off for each of them: publisher edit {post} --colour-channels "
            "{picture}=green,magenta,off"
        ),
        _("Choose them below the picture's alt text."),
        _("Set choices.colour_channels of the picture: colour, shown and window of each."),
        "/posts/{post}",
    )
    APPROVE_REPEAT = (
        "publisher approve {repeating} --repeat-meant",
        _("If the repeat is meant, run: publisher approve {repeating} --repeat-meant"),
        _("If the repeat is meant, tick “The repeat is meant” and approve it."),
        _("If the repeat is meant, approve it with repeat_is_meant."),
        "/posts/{repeating}",
    )
    SHOW_QUEUE = (
        "publisher queue",
        _("See: publisher queue"),
        _("See the page Queue."),
        _("List the posts."),
        "/queue",
    )
    WRITE_ALT_TEXTS = (
        "publisher alt-texts",
        _("They are listed by: publisher alt-texts"),
        _("They are listed on the page Alt texts of the archive."),
        _("List them at /api/v1/alt-texts."),
        "/archive/alt-texts",
    )
    EXAMINE_DAY = (
        "publisher preflight --day {day}",
        _("Then examine it again: publisher preflight --day {day}"),
        _("Mend it on the page Queue."),
        _("A person can mend it, and examine the day again."),
        "/queue",
    )
    DEACTIVATE_PERSON = (
        "publisher user deactivate {person}",
        _("To lock the account, run: publisher user deactivate {person}"),
        _("Lock the account on the page People."),
        _("An admin can deactivate the account of {person}."),
        "/people",
    )
    ALLOW_PRIVATE_WEBHOOKS = (
        "web.webhooks_to_private = true",
        _("An operator can allow it with web.webhooks_to_private."),
        _("An operator can allow it with web.webhooks_to_private."),
        _("An operator can allow it with web.webhooks_to_private."),
        "",
    )
    START_DESK = (
        "publisher run",
        _("Start it with: publisher run"),
        _("Ask the operator to start it with: publisher run"),
        _("An operator can start it with: publisher run"),
        "",
    )
    RUN_DOCTOR = (
        "publisher doctor",
        _("Run: publisher doctor"),
        _("Ask the operator to run: publisher doctor"),
        _("An operator can run: publisher doctor"),
        "",
    )

    def __init__(
        self, command: Message | str, on_command_line: Message, on_page: Message, to_program: Message, path: str
    ) -> None:
        self.command = command if isinstance(command, Message) else Message(command)
        self.sentences: Mapping[Face, Message] = {
            Face.COMMAND: on_command_line,
            Face.PAGE: on_page,
            Face.PROGRAM: to_program,
        }
        self.path = path

    @property
    def code(self) -> str:
        """The name that programs get."""
        return self.name.lower().replace("_", "-")

    def sentence(self, face: Face, parameters: Mapping[str, Any]) -> Message:
        """Returns what to do, for a reader in this place."""
        return self.sentences[face].fill(parameters)


def find_remedy(code: str) -> Remedy | None:
    """Returns the remedy with this name; None: this version of the program has none."""
    return next((remedy for remedy in Remedy if remedy.code == code), None)
