"""Tests that sentences name buttons in place of commands for people on the pages."""

from __future__ import annotations

from publisher.core.messages import Face, Reader, reading_as
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.web.wording import for_browser

AFTER_A_REFUSAL = (
    "Asked who you are. Run publisher connect cells-2, or mend its secrets. "
    "Then: publisher resume cells-2, publisher retry 23."
)


def test_a_refused_account_is_mended_on_the_page_of_the_channels() -> None:
    assert for_browser(AFTER_A_REFUSAL) == (
        "Asked who you are. Connect it on the page Channels, or have its secrets mended. "
        "Then resume the channel on the page Channels, and let this try again."
    )


def test_a_channel_that_is_not_connected_is_connected_on_the_page_of_the_channels() -> None:
    sentence = "The channel 'cells-2' is not connected. Run: publisher connect cells-2"
    assert for_browser(sentence) == "The channel 'cells-2' is not connected. Connect it on the page Channels"


def test_a_post_that_workers_were_lost_over_is_let_try_again() -> None:
    with reading_as(Reader(face=Face.PAGE)):
        assert str(DeliveryProblem.LOST_REPEATEDLY(count=6, delivery=23)) == (
            "6 workers in a row were gone while they prepared it; nothing was sent. "
            "Look at what the log says last of delivery 23. Then let it try again."
        )


def test_what_may_be_public_is_adopted_or_tried_again_by_buttons() -> None:
    sentence = "Look. If it is there: publisher adopt 5 LINK. If it is not: publisher retry 5 --i-have-looked."
    assert for_browser(sentence) == (
        "Look. If it is there, adopt it by its link. If it is not, say that you have looked, and try again."
    )
    assert for_browser("Or give this up: publisher cancel 5.") == "Or give this up."


def test_a_sentence_without_a_command_stays() -> None:
    sentence = "X refused the post: publisher relations are closed today."
    assert for_browser(sentence, "here") == sentence
