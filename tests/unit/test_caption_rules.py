"""The shipped captions of platforms with counting rules of their own, where those rules bite."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.counting import count
from publisher.adapt.facets import facets
from publisher.adapt.posts import Target, adapt_post
from publisher.content import AdaptedPost, SourceImage, SourcePost
from publisher.profiles import AltTextLimits, ImageLimits, Profile, PublishingHabits, TagLimits, TextLimits

IMAGES = ImageLimits(maximum=4, formats=("jpeg",), max_bytes=2_000_000, max_width=2000, max_height=2000)
HABITS = PublishingHabits(timeout_seconds=30, settle_seconds=10, listing_lag_seconds=10, listing_lag_source="made up")


def profile(label: str, text: TextLimits, tags: TagLimits) -> Profile:
    alt = AltTextLimits(limit=1500)
    return Profile(label=label, text=text, tags=tags, images=IMAGES, alt_text=alt, publishing=HABITS)


PROFILES = {
    "bluesky": profile(
        "Bluesky",
        TextLimits(unit="graphemes", limit=300, max_bytes=3000, rich=True),
        TagLimits(maximum=8, max_length=65),
    ),
    "mastodon": profile("Mastodon", TextLimits(unit="mastodon", limit=500, url_length=23), TagLimits(maximum=10)),
    "threads": profile("Threads", TextLimits(unit="threads", limit=500), TagLimits(maximum=1)),
}
POST = SourcePost(
    title="Closing the Gap",
    standfirst="How skin cells find their way across a wound – and why some turn back halfway",
    body=(
        "A cut heals because cells walk. Keratinocytes at its edge let go of their neighbours, stretch out a flat foot "
        "and pull themselves along at about 20 µm an hour.\n\nMost cells cross the gap, see "
        "[the film](https://films.example.org/a/long/way/to/the/twelfth/film/of/the/series). Some turn back."
    ),
    credit="Image by Ana Roig and Carles Mas",
    licence="CC BY 4.0",
    link="https://pictures.example.org/archive/2026/3/14",
    tags=("skin", "wound healing", "cèl·lules mare"),
    images=(SourceImage(media="ab" * 32, format="jpeg", width=1600, height=1200, alt_text="Green cells at a gap."),),
)


def template(platform: str) -> str:
    return (resources.files("publisher") / "starter" / "captions" / f"{platform}.j2").read_text(encoding="utf-8")


def adapted(platform: str, limits: dict[str, int] | None = None, **changes: object) -> AdaptedPost:
    target = Target(
        channel=platform,
        platform=platform,
        profile=PROFILES[platform].with_limits(limits or {}),  # type: ignore[arg-type]
        language="en",
        template=template(platform),
        template_name=f"{platform}.j2",
    )
    return adapt_post(POST.model_copy(update=changes), target)


def blocking(post: AdaptedPost) -> list[str]:
    return [problem.message for problem in post.problems if problem.blocking]


def test_bluesky_shows_labels_and_tags_as_facets() -> None:
    post = adapted("bluesky")
    assert post.caption == (
        "Closing the Gap\n\n"
        "How skin cells find their way across a wound – and why some turn back halfway\n\n"
        "Image by Ana Roig and Carles Mas (CC BY 4.0)\n\n"
        "Read more on pictures.example.org\n\n"
        "#Skin #WoundHealing #CèllulesMare"
    )
    assert (post.problems, post.left_out, post.tags) == ((), (), ())
    whole = post.caption.encode()
    shown = [
        (
            whole[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(),
            *list(facet["features"][0].values())[1:],
        )
        for facet in facets(post.caption, post.blocks)
    ]
    assert shown == [
        ("pictures.example.org", POST.link),
        ("#Skin", "Skin"),
        ("#WoundHealing", "WoundHealing"),
        ("#CèllulesMare", "CèllulesMare"),
    ]


def test_mastodon_and_threads_continue_with_as_much_of_the_body_as_fits() -> None:
    mastodon, threads = adapted("mastodon"), adapted("threads", body=f"{POST.body}\n\n{POST.body}")
    assert mastodon.caption == (
        "Closing the Gap\n\n"
        "How skin cells find their way across a wound – and why some turn back halfway\n\n"
        "A cut heals because cells walk. Keratinocytes at its edge let go of their neighbours, stretch out a flat foot "
        "and pull themselves along at about 20 µm an hour.\n\n"
        "Most cells cross the gap, see the film (https://films.example.org/a/long/way/to/the/twelfth/film/of/the/series)."
        " Some turn back.\n\n"
        "Image by Ana Roig and Carles Mas (CC BY 4.0)\n\n"
        "https://pictures.example.org/archive/2026/3/14\n\n"
        "#Skin #WoundHealing #Cèl·lulesMare"
    )
    assert len(mastodon.caption) > 500 >= mastodon.count
    assert mastodon.problems == ()
    assert threads.caption.endswith("https://pictures.example.org/archive/2026/3/14\n\n#Skin")
    assert threads.left_out == ("4 sentences of the body",)
    assert threads.problems == ()


def by_hand(platform: str, text: str, limits: dict[str, int] | None = None) -> AdaptedPost:
    return adapted(platform, limits, captions={platform: text}, credit="A", images=POST.images)


@pytest.mark.parametrize(
    ("platform", "fits", "too_long"),
    [
        ("bluesky", "A " + "👩🏽‍🔬" * 150 + "b" * 148, "A " + "b" * 299),
        ("bluesky", "A " + "👩🏽‍🔬" * 199, "A " + "👩🏽‍🔬" * 200),
        ("mastodon", "A " + "b" * 474 + " https://example.org/" + "c" * 300, "A " + "b" * 476 + " https://e.org"),
        ("mastodon", "A " + "b" * 492 + " @ana@a.very.long.example.org", "A " + "b" * 494 + " @ana@example.org"),
        ("mastodon", "A " + "🏳️‍🌈" * 498, "A " + "🏳️‍🌈" * 499),
        ("threads", "A " + "🧬" * 124 + "bb", "A " + "🧬" * 125),
        ("threads", "A " + "é日" * 249, "A " + "é日" * 249 + "b"),
    ],
)
def test_the_limit_is_where_the_platform_has_it(platform: str, fits: str, too_long: str) -> None:
    assert [problem for problem in by_hand(platform, fits).problems if problem.field == "caption"] == []
    assert any("too long" in message for message in blocking(by_hand(platform, too_long)))


def test_the_bytes_of_bluesky_are_told_as_such() -> None:
    (message,) = blocking(by_hand("bluesky", "A " + "👩🏽‍🔬" * 200))
    assert message.startswith("The caption is 2 too long for Bluesky (limit 3000 bytes)")


def test_an_instance_may_have_a_limit_of_its_own() -> None:
    text = "A " + "b" * 4998
    assert blocking(by_hand("mastodon", text)) != []
    assert blocking(by_hand("mastodon", text, {"text": 5000})) == []


def test_one_topic_is_all_that_threads_takes() -> None:
    (message,) = blocking(by_hand("threads", "A #one #two"))
    assert message == "The caption has 2 hashtags and Threads takes 1; remove some."


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(sorted(PROFILES)),
    st.lists(
        st.sampled_from(["cell", "cèl·lula", "細胞。", "👩🏽‍🔬", "https://example.org/long/way", "Stop. Go"]),
        max_size=200,
    ),
)
def test_the_shipped_template_makes_any_body_fit_and_keeps_what_matters(platform: str, words: list[str]) -> None:
    post = adapted(platform, body=" ".join(words), standfirst=" ".join(words[:60]))
    assert blocking(post) == []
    assert post.count == count(post.caption, post.unit) <= post.limit  # type: ignore[arg-type]
    assert len(post.caption.encode()) <= 3000
    assert "Image by Ana Roig and Carles Mas (CC BY 4.0)" in post.caption
    assert "pictures.example.org" in post.caption
