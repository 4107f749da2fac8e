"""Tests that a long text is split into the parts of a thread, and no word is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.posts import Target, adapt_post
from publisher.adapt.text.counting import excess
from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker, RichText
from publisher.adapt.text.threads import split_thread
from publisher.core.content import AdaptedPost, SourceImage, SourcePost
from publisher.platforms.profiles import (
    AltTextLimits,
    ImageLimits,
    Prices,
    Profile,
    PublishingHabits,
    TagLimits,
    TextLimits,
)

PROFILE = Profile(
    label="Web",
    text=TextLimits(unit="graphemes", limit=80),
    tags=TagLimits(maximum=3),
    images=ImageLimits(maximum=4, formats=("jpeg",), max_bytes=2_000_000, max_width=2000, max_height=2000),
    alt_text=AltTextLimits(limit=1000),
    publishing=PublishingHabits(
        timeout_seconds=30, settle_seconds=10, listing_lag_seconds=10, listing_lag_source="made up"
    ),
    threads=True,
)
POST = SourcePost(
    title="Cells",
    body=(
        "One cell *walks*. Another [stays](https://example.org/a).\n\n"
        "A third one, which nobody had seen, divides. None dies."
    ),
    credit="Jane Doe",
    licence="CC0",
    images=(SourceImage(media="ab" * 32, format="jpeg", width=640, height=480, alt_text="Green cells."),),
)
TEMPLATE = "{{ title }}\n\n{{ body | shorten }}\n\n{{ credit }}"


def adapted(
    limit: int = 80, template: str = TEMPLATE, profile: Profile = PROFILE, *, thread: bool = True, **changes: object
) -> AdaptedPost:
    target = Target(
        channel="web", platform="web", profile=profile.with_limits({"text": limit}), language="en",
        template=template, template_name="web.j2", thread=thread,
    )  # fmt: skip
    return adapt_post(POST.model_copy(update=changes), target)


def test_the_body_goes_on_where_the_caption_stops() -> None:
    post = adapted()
    assert post.caption == "Cells\n\nOne cell walks. Another stays (https://example.org/a).\n\nJane Doe"
    assert post.thread == ("A third one, which nobody had seen, divides. None dies.",)
    assert (post.left_out, post.problems) == ((), ())


def test_a_sentence_that_the_caption_cut_is_whole_in_the_reply() -> None:
    post = adapted(45)
    assert post.caption == "Cells\n\nOne cell walks.\n\nJane Doe"
    cut = adapted(70, body="A third one, which nobody had seen before that day, divides. None dies.")
    assert cut.caption == "Cells\n\nA third one, which nobody had seen before that day…\n\nJane Doe"
    assert cut.thread == ("A third one, which nobody had seen before that day, divides.", "None dies.")


def test_each_reply_ends_with_a_sentence_and_fits() -> None:
    post = adapted(45)
    assert post.thread == (
        "Another stays (https://example.org/a).",
        "A third one, which nobody had seen, divides.",
        "None dies.",
    )


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (
            "A third cell, which nobody had seen before that day, nor ever after it, divides at once. None dies.",
            (
                "A third cell, which nobody had seen before that day…",
                "nor ever after it, divides at once. None dies.",
            ),
        ),
        (
            "Seen on this day, in the evening:\n\n- a cell that walks on and on\n- a cell that rests in it",
            (
                "Seen on this day, in the evening:",
                "• a cell that walks on and on",
                "• a cell that rests in it",
            ),
        ),
        ("0123456789" * 7, ("0123456789" * 5 + "01234…", "567890123456789")),
        (
            "Well, and then… and then… and then… and then, they",
            ("Well, and then… and then… and then…", "and then, they"),
        ),
    ],
)
def test_a_reply_that_ends_inside_a_sentence_has_one_ellipsis(body: str, parts: tuple[str, ...]) -> None:
    limit = max(map(len, parts))
    whole = TextMarker(Marker(), "web", "written", PeopleDirectory())
    assert split_thread(whole.marker.read(whole.blocks(body)).tidy(), "", lambda part: len(part) <= limit) == parts


def test_a_caption_without_the_body_is_followed_by_all_of_it() -> None:
    assert " ".join(adapted(template="{{ title }}\n\n{{ credit }}").thread) == (
        "One cell walks. Another stays (https://example.org/a). A third one, which nobody had seen, divides. None dies."
    )


def test_where_links_are_marked_replies_write_them_out() -> None:
    rich = PROFILE.model_copy(update={"text": PROFILE.text.model_copy(update={"rich": True})})
    post = adapted(48, profile=rich, template="{{ body | shorten }}\n{{ credit }}")
    assert post.caption == "One cell walks. Another stays.\nJane Doe"
    assert post.thread == (
        "Another stays (https://example.org/a).",
        "A third one, which nobody had seen, divides.",
        "None dies.",
    )
    assert adapted(300, profile=rich).thread == ()


@pytest.mark.parametrize(
    "without",
    [
        {"thread": False},
        {"limit": 300},
        {"captions": {"web": "By hand, by Jane Doe"}},
        {"body": ""},
    ],
)
def test_there_are_no_replies_without_a_rest(without: dict[str, object]) -> None:
    assert adapted(**without).thread == ()  # type: ignore[arg-type]


def test_without_a_thread_what_is_left_out_is_reported() -> None:
    assert tuple(map(str, adapted(thread=False).left_out)) == ("2 sentences of the body",)


def test_every_reply_is_paid_for() -> None:
    priced = PROFILE.model_copy(update={"prices": Prices(post=0.01, post_with_link=0.2, alt_text=0.001)})
    assert len(adapted(45, profile=priced).thread) == 3
    assert adapted(45, profile=priced).cost_usd == pytest.approx(0.01 + 0.2 + 0.01 + 0.01 + 0.001)


@settings(deadline=None)
@given(
    body=st.text(alphabet=st.sampled_from("abc.… \n-,!éè細🧬👩🔬\u200d(["), max_size=200),
    limit=st.integers(min_value=1, max_value=60),
    length_of_first=st.integers(min_value=0, max_value=200),
)
def test_no_word_is_lost_and_every_part_fits(body: str, limit: int, length_of_first: int) -> None:
    limits = TextLimits(unit="graphemes", limit=limit)
    whole = RichText(body).tidy()
    parts = split_thread(whole, whole.text[:length_of_first], lambda part: excess(part, limits) == 0)
    assert all(part == part.strip() and part for part in parts)
    assert all(excess(part, limits) == 0 for part in parts)
    assert not any("……" in part for part in parts if "……" not in whole.text)
    rest = _without_ends("".join(parts))
    letters = _without_ends(whole.text)
    assert letters.endswith(rest)
    assert len(letters) - len(rest) <= len("".join(whole.text[:length_of_first].split()))


def _without_ends(text: str) -> str:
    """Returns a text without spaces, and without the signs that an ellipsis replaces at the end of a part."""
    return "".join(sign for sign in text if not sign.isspace() and sign not in ",-.…")


def test_an_address_that_only_replies_would_show_is_told() -> None:
    priced = PROFILE.model_copy(update={"links": "priced"})
    body = f"One cell walks. {'It walks on and on and on. ' * 5}Another [stays](https://example.org/a)."
    (problem,) = [problem for problem in adapted(profile=priced, body=body).problems if "stays" in problem.message]
    assert not problem.blocking
