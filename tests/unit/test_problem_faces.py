"""Tests that problems name commands only at the command line: pages have buttons, and programs have calls."""

from __future__ import annotations

import pytest

from publisher.core.messages import Face
from publisher.core.problems import find_code, recorded_problem
from publisher.core.remedies import Remedy
from publisher.delivery.problem_codes import ActProblem, DeliveryProblem

NOT_CONNECTED = find_code("x.not-connected")
ELSEWHERE = [face for face in Face if face is not Face.COMMAND]


@pytest.mark.parametrize("face", ELSEWHERE)
@pytest.mark.parametrize("remedy", [remedy for remedy in Remedy if remedy.path])
def test_what_is_done_on_a_page_is_not_told_as_a_command(remedy: Remedy, face: Face) -> None:
    sentence = remedy.sentences[face].source
    assert "publisher " not in sentence
    assert "--" not in sentence


def test_a_refused_account_is_mended_on_the_page_of_the_channels() -> None:
    refused = recorded_problem("Asked who you are.").with_remedy(
        Remedy.RECONNECT_AND_RETRY, channel="cells-2", delivery=23
    )
    assert refused.text_for(Face.PAGE) == (
        "Asked who you are. Connect it on the page Channels, or have its secrets mended. "
        "Then resume the channel on the page Channels, and let this try again."
    )


def test_an_unconnected_channel_is_connected_on_the_page_of_channels() -> None:
    assert NOT_CONNECTED is not None
    not_connected = NOT_CONNECTED(channel="cells-2")
    assert not_connected.text_for(Face.PAGE) == (
        "The channel cells-2 is not connected. Connect it on the page Channels."
    )
    assert not_connected.text_for(Face.COMMAND) == (
        "The channel cells-2 is not connected. Run: publisher connect cells-2"
    )


def test_a_post_that_workers_were_lost_over_is_let_try_again() -> None:
    assert DeliveryProblem.LOST_REPEATEDLY(count=6, delivery=23).text_for(Face.PAGE) == (
        "6 workers in a row were gone while they prepared it; nothing was sent. "
        "Look at what the log says last of delivery 23. Then let it try again."
    )


def test_what_may_be_public_is_adopted_or_tried_again_by_buttons() -> None:
    may_be_public = ActProblem.MAY_BE_PUBLIC(delivery=5, platform="X")
    assert may_be_public.text_for(Face.PAGE).endswith(
        "If it is there, adopt it by its link. If it is not, say that you have looked and try again."
    )
    assert may_be_public.text_for(Face.COMMAND).endswith(
        "If it is there: publisher adopt 5 LINK. If it is not: publisher retry 5 --i-have-looked"
    )
