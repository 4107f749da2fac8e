"""Tests that a post is adapted to each platform: its text, pictures, hashtags, mentions and costs."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from publisher.adapt.posts import Target, adapt_post
from publisher.adapt.text.cleaning import clean
from publisher.adapt.text.counting import excess, graphemes
from publisher.adapt.text.mentions import DirectoryEntry, PeopleDirectory
from publisher.core.content import AdaptedPost, ContentProblem, Link, SourceImage, SourcePost
from publisher.platforms.profiles import (
    AltTextLimits,
    ImageLimits,
    Prices,
    Profile,
    PublishingHabits,
    TagLimits,
    TextLimits,
    Unit,
    load_profile,
    starter_text,
)

IMAGES = ImageLimits(maximum=4, formats=("jpeg",), max_bytes=5_000_000, max_width=4096, max_height=4096, fit="as-is")
HABITS = PublishingHabits(timeout_seconds=30, settle_seconds=10, listing_lag_seconds=10, listing_lag_source="made up")
TUMBLR = Profile(
    label="Tumblr",
    text=TextLimits(unit="code_points", limit=100_000, rich=True, block_limit=4096),
    tags=TagLimits(maximum=30, max_length=140, where="field"),
    images=IMAGES,
    alt_text=AltTextLimits(limit=4096),
    publishing=HABITS,
)
INSTAGRAM = Profile(
    label="Instagram",
    text=TextLimits(unit="utf16", limit=2200),
    tags=TagLimits(maximum=5),
    mentions_maximum=20,
    images=IMAGES,
    alt_text=AltTextLimits(limit=1000),
    publishing=HABITS,
    links="dead",
)
X = Profile(
    label="X",
    text=TextLimits(unit="own", rules_of="x", limit=280),
    tags=TagLimits(maximum=10, middle_dot=True),
    images=IMAGES,
    alt_text=AltTextLimits(limit=1000),
    publishing=HABITS,
    prices=Prices(post=0.015, post_with_link=0.2, alt_text=0.005),
    links="priced",
)
PROFILES = {"tumblr": TUMBLR, "instagram": INSTAGRAM, "x": X}
PEOPLE = PeopleDirectory(people=(DirectoryEntry(name="Ana Roig", handles={"x": "anaroig", "instagram": "ana.roig"}),))

IMAGE = SourceImage(
    media="ab" * 32, format="jpeg", width=1600, height=1200, alt_text="Green cells along the edge of a dark gap."
)
POST = SourcePost(
    title="Closing the Gap",
    standfirst="How skin cells find their way across a wound – and why some of them turn back halfway",
    body=(
        "A cut heals because cells walk. Keratinocytes at its edge let go of their neighbours, stretch out a flat foot "
        "and pull themselves along at about 20 µm an hour.\n\n"
        "In this culture of *Mus musculus* skin, every nucleus is tracked for two days, see "
        "[the film](https://films.example.org/12). Most cells cross the gap. Some turn back."
    ),
    written_by="Bo Li",
    credit="Image from work by @[Ana Roig] and Carles Mas\n[Institute of Skin](https://skin.example.org), Girona",
    licence="CC BY 4.0",
    link="https://pictures.example.org/archive/2026/3/14",
    tags=("skin", "wound healing", "keratinocyte", "mouse", "microscopy", "cell migration"),
    images=(IMAGE,),
)
LONG_TITLE = "Closing the Gap Between the Two Halves of a Wound in the Skin of a Mouse, One Cell After Another"


WORDS_OF_TITLES = st.text(alphabet="abcdeé ", min_size=1, max_size=40).map(lambda text: " ".join(f"x{text}".split()))


def shipped(platform: str) -> str:
    return starter_text(platform, "caption.j2")


def target(platform: str, **changes: object) -> Target:
    values: dict[str, object] = {
        "channel": platform,
        "platform": platform,
        "profile": PROFILES[platform],
        "language": "en",
        "template": shipped(platform),
        "template_name": f"{platform}.j2",
    }
    return Target.model_validate(values | changes)


def adapted(platform: str, **changes: object) -> AdaptedPost:
    return adapt_post(POST.model_copy(update=changes), target(platform), PEOPLE)


def with_image(**changes: object) -> dict[str, object]:
    return {"images": (IMAGE.model_copy(update=changes),)}


def by_field(post: AdaptedPost, field: str) -> list[ContentProblem]:
    return [problem for problem in post.problems if problem.field == field]


def blocking(post: AdaptedPost) -> list[str]:
    return [problem.message for problem in post.problems if problem.blocking]


def test_instagram_reads_as_an_editor_would_write_it() -> None:
    post = adapted("instagram")
    assert post.caption == (
        "Closing the Gap\n\n"
        "How skin cells find their way across a wound – and why some of them turn back halfway\n\n"
        "A cut heals because cells walk. Keratinocytes at its edge let go of their neighbours, stretch out a flat foot "
        "and pull themselves along at about 20 µm an hour.\n\n"
        "In this culture of Mus musculus skin, every nucleus is tracked for two days, see the film. Most cells cross "
        "the gap. Some turn back.\n\n"
        "Written by Bo Li\n\n"
        "Image from work by @ana.roig and Carles Mas\nInstitute of Skin, Girona\nCC BY 4.0\n\n"
        "Read more: link in bio\n\n"
        "#Skin #WoundHealing #Keratinocyte #Mouse #Microscopy"
    )
    assert [problem.message for problem in post.problems] == [
        "Instagram can't link words, so “the film” goes out there without its address: write the address itself, say "
        "where it is found (such as “link in bio”), or word it without."
    ]
    assert (post.left_out, post.tags, post.blocks) == ((), (), ())
    assert (post.count, post.limit, post.unit) == (len(post.caption), 2200, "utf16")


def test_x_is_short_and_says_what_was_left_out() -> None:
    post = adapted("x", title=LONG_TITLE)
    assert post.caption == (
        f"{LONG_TITLE}\n"
        "How skin cells find their way across a wound – and why some of them turn back halfway\n\n"
        "Image from work by @anaroig and Carles Mas\nInstitute of Skin, Girona (CC BY 4.0)\n\n"
        "#Skin"
    )
    assert tuple(map(str, post.left_out)) == ("the body", "1 hashtag")
    assert post.count <= 280
    assert post.cost_usd == pytest.approx(0.02)
    assert post.problems == ()


def test_sentences_of_the_body_fill_what_is_left_on_x() -> None:
    post = adapted("x", credit="Carles Mas")
    assert post.caption == (
        "Closing the Gap\n"
        "How skin cells find their way across a wound – and why some of them turn back halfway\n\n"
        "A cut heals because cells walk.\n\n"
        "Carles Mas (CC BY 4.0)\n\n"
        "#Skin #WoundHealing"
    )
    assert tuple(map(str, post.left_out)) == ("4 sentences of the body",)


def test_hashtags_go_before_words() -> None:
    body = "A cut heals because cells walk. They let go of their neighbours, stretch out a foot and pull themselves on."
    post = adapted("x", credit="Carles Mas", standfirst="", title="The Gap", body=f"{body} {body} Done it is.")
    assert post.caption == f"The Gap\n\n{body} {body} Done it is.\n\nCarles Mas (CC BY 4.0)\n\n#Skin"
    assert tuple(map(str, post.left_out)) == ("1 hashtag",)
    long = adapted("x", credit="Carles Mas", standfirst="", body=body.replace(".", ",") * 4)
    assert long.caption.endswith("…\n\nCarles Mas (CC BY 4.0)")


SENTENCES = st.lists(
    st.lists(st.sampled_from(["cells", "of", "skin", "µm", "migration", "wound"]), min_size=1, max_size=25).map(
        lambda words: " ".join(words).capitalize() + "."
    ),
    max_size=9,
)


@settings(deadline=None, max_examples=150)
@given(
    title=WORDS_OF_TITLES, standfirst=SENTENCES, body=SENTENCES, credit=WORDS_OF_TITLES,
    tags=st.lists(st.sampled_from(["skin", "cell", "wound"]), unique=True),
)  # fmt: skip
def test_a_caption_on_x_is_full_and_keeps_its_credit(
    title: str, standfirst: list[str], body: list[str], credit: str, tags: list[str]
) -> None:
    changes = {"title": title, "standfirst": " ".join(standfirst[:1]), "body": " ".join(body), "credit": credit}
    # A sentence of the standfirst would be counted as one of the body.
    assume(not any(sentence in changes["standfirst"] for sentence in body))
    post = adapted("x", **changes, tags=tuple(tags))
    assert blocking(post) == []
    assert credit in post.caption
    count = max(number for number in range(len(body) + 1) if " ".join(body[:number]) in post.caption)
    if count < len(body) and "…" not in post.caption:
        # Another sentence has no place, even where no hashtag is left.
        assert post.count + len(f"\n\n{body[count]}") > 280
    if "…" in post.caption:
        assert "#" not in post.caption


def test_hashtags_of_the_template_give_way_to_typed_ones() -> None:
    post = adapted("instagram", body=f"{POST.body} Cells of #p53 and #StemCells.")
    assert post.caption.endswith("#Skin #WoundHealing #Keratinocyte")
    assert blocking(post) == []
    assert tuple(map(str, post.left_out)) == ("2 hashtags",)


def test_a_channel_that_says_little_is_told() -> None:
    little = adapt_post(POST, target("instagram", template="{{ title }}\n\n{{ credit }}"), PEOPLE)
    (problem,) = by_field(little, "caption")
    assert not problem.blocking
    assert "since the template instagram.j2 shows neither standfirst nor body; add {{ body | fill }}" in problem.message
    full = "word " * 39
    (problem,) = by_field(adapted("x", title=full, standfirst="", body=f"{full}. {full}."), "caption")
    assert problem.message.startswith("On X, followers read little more than title and credit; write")
    assert by_field(adapted("x", body="", standfirst=""), "caption") == []


def test_a_catalan_post_is_shortened_in_catalan() -> None:
    post = adapted(
        "x",
        standfirst=(
            "Una mirada a com les cèl·lules de la pell troben el camí d’una banda a l’altra d’una ferida – i per què "
            "algunes fan mitja volta abans d’arribar-hi, sense que ningú sàpiga encara què les hi empeny"
        ),
        tags=("cèl·lules mare", "pell"),
    )
    assert post.caption.split("\n")[1].endswith("d’una ferida – i per què algunes fan mitja volta abans d’arribar-hi…")
    assert "#" not in post.caption


def test_tumblr_gets_blocks_with_links_and_emphasis() -> None:
    post = adapted("tumblr", links=(Link(label="The paper", url="https://doi.example.org/1"),))
    kinds_and_texts = [(block.kind, block.text.split("\n")[0][:24]) for block in post.blocks]
    assert kinds_and_texts == [
        ("heading", "Closing the Gap"),
        ("paragraph", "How skin cells find thei"),
        ("paragraph", "A cut heals because cell"),
        ("paragraph", "In this culture of Mus m"),
        ("paragraph", "Written by Bo Li"),
        ("bullet", "The paper"),
        ("paragraph", "Image from work by Ana R"),
        ("paragraph", "Read more on pictures.ex"),
    ]
    spans = [
        (span.kind, block.text[span.start : span.end], span.url) for block in post.blocks[2:] for span in block.spans
    ]
    assert spans == [
        ("italic", "Mus musculus", None),
        ("link", "the film", "https://films.example.org/12"),
        ("italic", "Written by Bo Li", None),
        ("link", "The paper", "https://doi.example.org/1"),
        ("link", "Institute of Skin", "https://skin.example.org"),
        ("link", "pictures.example.org", "https://pictures.example.org/archive/2026/3/14"),
    ]
    assert post.blocks[1].spans[0].kind == "bold"
    assert post.tags == POST.tags
    assert post.link == POST.link
    assert "• The paper" in post.caption
    assert "#" not in post.caption
    assert post.problems == ()


def test_links_are_written_out_where_they_work_and_can_not_be_marked() -> None:
    plain = X.model_copy(update={"text": TextLimits(unit="graphemes", limit=2000), "links": "allowed", "prices": None})
    post = adapt_post(POST, target("x", profile=plain, template=shipped("tumblr")), PEOPLE)
    assert "see the film (https://films.example.org/12)." in post.caption
    assert post.caption.endswith("Read more on https://pictures.example.org/archive/2026/3/14")
    assert post.problems == ()


def test_the_body_is_shortened_and_nothing_else() -> None:
    profile = INSTAGRAM.model_copy(update={"text": TextLimits(unit="utf16", limit=400)})
    post = adapt_post(POST, target("instagram", profile=profile), PEOPLE)
    assert "halfway\n\nA cut heals because cells walk.\n\nWritten by Bo Li" in post.caption
    assert tuple(map(str, post.left_out)) == ("4 sentences of the body",)
    assert blocking(post) == []


def test_what_does_not_fit_blocks_and_says_by_how_much() -> None:
    post = adapted("x", title="word " * 60)
    (problem,) = by_field(post, "caption")
    assert problem.blocking
    over = excess(post.caption, X.text)
    assert problem.message.startswith(f"The caption is {over} too long for X (limit 280 characters as X counts them)")
    assert "Carles Mas" in post.caption


def test_a_caption_written_by_hand_replaces_the_template() -> None:
    post = adapted("x", captions={"x": "Cells walk.\u200b  Image: @[Ana Roig] and Carles Mas"})
    assert post.caption == "Cells walk. Image: @anaroig and Carles Mas"
    assert blocking(post) == []


def test_an_empty_caption_is_none_written_by_hand() -> None:
    assert adapted("x", captions={"x": " \n"}) == adapted("x")


def test_a_caption_written_by_hand_is_never_shortened() -> None:
    text = "Image: Carles Mas. " + "word " * 80
    post = adapted("x", captions={"x": text})
    assert post.caption == clean(text)
    assert any("written by hand, so it is never shortened" in message for message in blocking(post))


def test_a_caption_written_by_hand_must_name_someone_from_the_credit() -> None:
    assert any(
        "names nobody from the credit" in message for message in blocking(adapted("x", captions={"x": "Cells."}))
    )


def test_a_rich_caption_written_by_hand_keeps_its_links() -> None:
    post = adapted("tumblr", captions={"tumblr": "Carles Mas:\n\n- [film](https://films.example.org)"})
    assert [(block.kind, block.text) for block in post.blocks] == [("paragraph", "Carles Mas:"), ("bullet", "film")]


def test_a_caption_for_a_language_replaces_the_templates_of_its_channels() -> None:
    caption = "**Carles Mas** filmed [cells](https://films.example.org)"
    captions = {"lang:en": caption, "lang:ca": "Carles Mas va filmar cèl·lules", "instagram": "Carles Mas only"}
    assert adapted("x", captions=captions).caption == "Carles Mas filmed cells"
    (block,) = adapted("tumblr", captions=captions).blocks
    assert [span.kind for span in block.spans] == ["bold", "link"]
    assert adapted("instagram", captions=captions).caption == "Carles Mas only"
    assert adapted("x", captions=captions, language="ca").caption == "Carles Mas va filmar cèl·lules"
    assert adapted("x", captions={"lang:ca": "Carles Mas va filmar cèl·lules"}) == adapted("x")


def test_an_empty_caption_of_a_channel_leaves_the_one_of_its_language() -> None:
    assert adapted("x", captions={"x": " ", "lang:en": "Carles Mas"}).caption == "Carles Mas"
    assert adapted("x", captions={"x": " ", "lang:en": "\n"}) == adapted("x")


def test_a_caption_for_a_language_is_checked_by_the_same_rules() -> None:
    nobody = adapted("x", captions={"lang:en": "Cells."})
    assert any("names nobody from the credit" in message for message in blocking(nobody))
    too_long = {"lang:en": "Carles Mas " + "word " * 80}
    assert any("so it is never shortened" in message for message in blocking(adapted("x", captions=too_long)))
    assert blocking(adapted("tumblr", captions=too_long)) == []
    assert any(
        "has 6 hashtags" in message
        for message in blocking(adapted("instagram", captions={"lang:en": "Carles Mas #a #b #c #d #e #f"}))
    )


def test_words_that_lose_their_address_are_told_once_and_not_in_the_credit() -> None:
    body = (
        "Read [here](https://a.example.org) and [here](https://b.example.org), [a.example.org](https://a.example.org)."
    )
    for post in (adapted("instagram", body=body), adapted("x", captions={"lang:en": f"Carles Mas. {body}"})):
        lost = [problem for problem in by_field(post, "caption") if "can't link words" in problem.message]
        assert [(problem.blocking, "“here”" in problem.message) for problem in lost] == [(False, True)]
    assert by_field(adapted("tumblr", body=body), "caption") == []


def test_a_link_on_x_is_reported_with_its_price() -> None:
    post = adapted("x", standfirst="All is told in README.md")
    assert post.cost_usd == pytest.approx(0.205)
    (problem,) = by_field(post, "caption")
    assert not problem.blocking
    assert problem.message == "The caption holds a link (README.md), so X charges $0.20 instead of $0.015."


LINKED = "A cut heals. The film is at https://example.org/film. Cells walk on."


def test_no_sentence_that_only_fills_makes_a_post_dearer() -> None:
    post = adapted("x", credit="Carles Mas", body=f"{LINKED} {'They walk. ' * 20}")
    assert "across a wound" in post.caption
    assert "\n\nA cut heals.\n\nCarles Mas" in post.caption
    assert post.cost_usd == pytest.approx(0.02)
    assert tuple(map(str, post.left_out)) == ("22 sentences of the body",)
    (problem,) = by_field(post, "caption")
    assert not problem.blocking
    assert problem.message.startswith("The body does not fit whole, and what is shown of it ends before its first link")
    none_free = adapted("x", credit="Carles Mas", body=f"See example.org. {'They walk. ' * 20}")
    assert tuple(map(str, none_free.left_out)) == ("the body",)
    assert none_free.cost_usd == pytest.approx(0.02)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": LINKED},
        {"standfirst": "", "body": f"See example.org. {'They walk. ' * 30}"},
        {"standfirst": "See example.org.", "body": f"{LINKED} {'They walk. ' * 30}"},
    ],
)
def test_a_link_stays_where_nothing_goes_or_nothing_else_is_said(changes: dict[str, object]) -> None:
    post = adapted("x", credit="Carles Mas", **changes)
    assert post.cost_usd == pytest.approx(0.205)
    assert [problem.message for problem in by_field(post, "caption") if "so X charges $0.20" in problem.message]


def test_a_dead_link_is_reported() -> None:
    (problem,) = by_field(adapted("instagram", standfirst="See https://example.org", body=""), "caption")
    assert problem.message == "The caption holds a link (https://example.org), which can't be followed on Instagram."


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"title": " \u200b "}, "title", "has no title"),
        ({"credit": ""}, "credit", "has no credit"),
        (with_image(alt_text=" "), "images[0].alt_text", "Picture 1 has no alt text"),
        (with_image(alt_text="IMG_2041.jpg"), "images[0].alt_text", "is a file name"),
        ({"body": "a" * 30_000}, "body", "more than 20,000 characters"),
        ({"language": "ca"}, "language", "There is no English translation"),
    ],
)
@pytest.mark.parametrize("platform", sorted(PROFILES))
def test_what_is_missing_blocks(platform: str, changes: dict[str, object], field: str, expected: str) -> None:
    (problem,) = by_field(adapted(platform, **changes), field)
    assert problem.blocking
    assert expected in problem.message


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"licence": ""}, "licence", "names no licence"),
        ({"link": "pictures.example.org"}, "link", "is no web address"),
        (with_image(alt_text="Image of green cells."), "images[0].alt_text", "begins with “Image of”"),
        (with_image(alt_text="closing the gap."), "images[0].alt_text", "repeats the title"),
    ],
)
def test_what_could_be_better_is_reported_and_does_not_block(
    changes: dict[str, object], field: str, expected: str
) -> None:
    (problem,) = by_field(adapted("instagram", **changes), field)
    assert not problem.blocking
    assert expected in problem.message


def test_an_alt_text_that_is_too_long_ends_at_a_sentence() -> None:
    text = "Green cells. " * 100
    post = adapted("x", **with_image(alt_text=text))
    (problem,) = by_field(post, "images[0].alt_text")
    assert not problem.blocking
    assert len(post.images[0].alt_text) <= 1000
    assert post.images[0].alt_text.endswith("Green cells.")


def test_the_credit_of_every_picture_is_shown() -> None:
    second = IMAGE.model_copy(update={"credit": "Dolors Pla", "licence": "CC0"})
    post = adapted("instagram", images=(IMAGE, second))
    assert "Institute of Skin, Girona\nDolors Pla (CC0)\nCC BY 4.0" in post.caption
    only_pictures = adapted("instagram", credit="", licence="", images=(second,))
    assert "Dolors Pla\nCC0" in only_pictures.caption
    assert blocking(only_pictures) == []


def test_a_picture_without_a_credit_carries_the_posts_in_its_metadata() -> None:
    spec = adapted("instagram").images[0].spec
    assert spec.creator == "Image from work by Ana Roig and Carles Mas; Institute of Skin, Girona"
    assert "CC BY 4.0" in spec.copyright


def test_a_template_without_the_credit_blocks() -> None:
    post = adapt_post(POST, target("x", template="{{ title }}"), PEOPLE)
    assert blocking(post) == ["The template x.j2 leaves out the credit; add {{ credit }} to it."]


def test_a_template_that_fails_blocks_with_its_line() -> None:
    post = adapt_post(POST, target("x", template="{{ title }}\n{{ titel }}"), PEOPLE)
    assert blocking(post) == ["x.j2, line 2: there is no “titel”; did you mean “title”?"]
    assert post.caption == ""


def test_too_many_hashtags_and_mentions_block() -> None:
    hashtags = adapted("instagram", standfirst="#a #b #c #d #e #f")
    assert any("has 6 hashtags and Instagram takes 5" in message for message in blocking(hashtags))
    mentions = adapted("instagram", standfirst=" ".join(f"@cell{number}" for number in range(20)))
    assert any("mentions 21 accounts and Instagram takes 20" in message for message in blocking(mentions))


@pytest.mark.parametrize(("platform", "told"), [("x", True), ("instagram", True), ("tumblr", False)])
def test_a_typed_name_is_told_before_it_tags_a_stranger(platform: str, told: bool) -> None:
    profile = load_profile(platform)
    text = "By @jane_doe, @ana.roig, @anaroig, @[Ana Roig] and me@example.org."
    post = adapt_post(
        POST.model_copy(update={"standfirst": text, "body": ""}), target(platform, profile=profile), PEOPLE
    )
    messages = [problem.message for problem in by_field(post, "caption") if "tags the account" in problem.message]
    strangers = {"x": ["@jane_doe", "@ana.roig"], "instagram": ["@jane_doe", "@anaroig"], "tumblr": []}[platform]
    assert bool(messages) is told
    assert [message.split(" names ")[1].split(",")[0] for message in messages] == strangers
    assert blocking(post) == []


def test_tags_that_a_field_does_not_take_are_reported() -> None:
    (problem,) = by_field(adapted("tumblr", tags=tuple(f"tag {number}" for number in range(32))), "tags")
    assert not problem.blocking
    assert "so 2 of the tags are left out" in problem.message


@pytest.mark.parametrize(
    ("rule", "is_blocking", "expected"),
    [
        ("hold", True, "There is no Catalan translation; add one, or let the channel show the English text."),
        ("skip", False, "There is no Catalan translation, so this channel skips the post."),
        ("original", False, "There is no Catalan translation, so this channel shows the English text."),
    ],
)
def test_a_missing_translation_follows_the_channels_rule(rule: str, is_blocking: bool, expected: str) -> None:
    post = adapt_post(POST, target("x", language="ca", missing_translation=rule), PEOPLE)
    (problem,) = by_field(post, "language")
    assert (problem.blocking, problem.message) == (is_blocking, expected)
    assert post.caption


def test_staff_can_not_forge_the_marks_of_templates() -> None:
    forged = "".join(chr(0xF0000 + number) + chr(0x100000 + number) for number in range(20))
    assert adapted("tumblr", title=f"A{forged}B").blocks[0].text == "AB"


UNITS: list[Unit | Literal["own"]] = ["code_points", "utf16", "graphemes", "own"]
TEXTS = st.text(
    alphabet=st.sampled_from("abcÀñç  ..,;–!?“”\n5µ@#/:…細胞。क्षि\u0301\u200d👩🔬🏽❤️🇪🇸*_[]()-\u202e"), max_size=120
)
WORDS = st.text(alphabet=st.sampled_from("abcdeàéñ "), min_size=1, max_size=30).filter(lambda text: bool(text.strip()))


def is_shortened_from(short: str, whole: str) -> bool:
    short_graphemes, whole_graphemes = graphemes(short), graphemes(whole)
    return (
        short_graphemes[:-1] == whole_graphemes[: len(short_graphemes) - 1]
        if short.endswith("…")
        else short_graphemes == whole_graphemes[: len(short_graphemes)]
    )


@settings(deadline=None, max_examples=150)
@given(
    title=TEXTS,
    standfirst=TEXTS,
    body=TEXTS,
    credit=WORDS,
    by_hand=st.none() | TEXTS,
    unit=st.sampled_from(UNITS),
    limit=st.integers(min_value=1, max_value=300),
    max_bytes=st.none() | st.integers(min_value=1, max_value=400),
    rich=st.booleans(),
    platform=st.sampled_from(sorted(PROFILES)),
)
def test_any_post_fits_or_is_blocked_and_never_loses_its_credit(
    title: str,
    standfirst: str,
    body: str,
    credit: str,
    by_hand: str | None,
    unit: Unit | Literal["own"],
    limit: int,
    max_bytes: int | None,
    rich: bool,
    platform: str,
) -> None:
    text = TextLimits(
        unit=unit,
        rules_of="x" if unit == "own" else "",
        limit=limit,
        max_bytes=max_bytes,
        rich=rich,
        block_limit=50 if rich else None,
    )
    profile = PROFILES[platform].model_copy(update={"text": text})
    captions = {} if by_hand is None else {platform: by_hand}
    changes = {"title": title, "standfirst": standfirst, "body": body, "credit": credit, "captions": captions}
    source = POST.model_copy(update=changes)
    post = adapt_post(source, target(platform, profile=profile), PEOPLE)
    post.caption.encode()
    assert post == adapt_post(source, target(platform, profile=profile), PEOPLE)
    assert excess(post.caption, text) == 0 or blocking(post)
    assert post.caption.strip() == post.caption
    assert "\n\n\n" not in post.caption
    if by_hand is None and not rich:
        assert clean(credit) in post.caption


@settings(deadline=None, max_examples=100)
@given(body=TEXTS.filter(lambda text: not set(text) & set("*_[]()-#@/:")), most=st.integers(min_value=1, max_value=120))
def test_shortening_a_post_cuts_no_grapheme_and_is_idempotent(body: str, most: int) -> None:
    profile = X.model_copy(update={"text": TextLimits(unit="graphemes", limit=most)})
    by_template = target("x", profile=profile, template="{{ body | shorten }}")
    post = adapt_post(POST.model_copy(update={"body": body}), by_template)
    assert is_shortened_from(post.caption, clean(body))
    again = adapt_post(POST.model_copy(update={"body": post.caption}), by_template)
    assert again.caption == post.caption


@pytest.mark.parametrize(
    ("changes", "field", "line", "is_blocking"),
    [
        ({"body": "One.\r\n\r\n\r\n\r\nTwo ![cells](cells.png)."}, "body", 5, True),
        ({"body": "One\n<iframe src='https://example.org'></iframe>"}, "body", 2, True),
        ({"body": 'One\n[gallery ids="1,2"]'}, "body", 2, True),
        ({"body": "One <b>two"}, "body", 1, True),
        ({"title": "<i>Two"}, "title", 1, True),
        ({"body": "One[^1]"}, "body", 1, False),
        ({"body": "One\n*[two](/about.html)*"}, "body", 2, False),
        ({"standfirst": "<a href='#two'>two</a>"}, "standfirst", 1, False),
        ({"body": "One\n\n| a | b |\n|---|---|\n| 1 | 2 |"}, "body", 3, False),
        ({"standfirst": "V<sub>GFP</sub>"}, "standfirst", 1, False),
        ({"captions": {"lang:en": "Carles Mas\n<video src='x'>"}}, "caption", 2, True),
    ],
)
@pytest.mark.parametrize("platform", sorted(PROFILES))
def test_markup_that_followers_can_not_be_shown_is_told_with_its_line(
    platform: str, changes: dict[str, object], field: str, line: int, is_blocking: bool
) -> None:
    post = adapted(platform, **changes)
    (problem,) = [problem for problem in by_field(post, field) if ", line " in problem.message]
    assert f", line {line}: " in problem.message
    assert problem.blocking is is_blocking
    assert not set(post.caption) & set("<[{|") or field == "standfirst"


def test_markup_in_every_field_is_read() -> None:
    post = adapted("instagram", title="H<sub>2</sub>O &amp; <i>E. coli</i>", credit="Mas &amp; Roig<br>Lab")
    assert post.caption.startswith("H₂O & E. coli\n\n")
    assert "Mas & Roig Lab\n" in post.caption
    assert (post.title, post.images[0].spec.creator) == ("H₂O & E. coli", "Mas & Roig Lab")


def test_html_in_an_alt_text_is_read() -> None:
    post = adapted("x", **with_image(alt_text="H<sub>2</sub>O &amp; <i>E. coli</i>, 4*5 > 3"))
    assert post.images[0].alt_text == "H₂O & E. coli, 4*5 > 3"


def test_markup_typed_in_a_caption_for_a_plain_channel_is_told() -> None:
    caption = "Carles Mas, 4*5=20 & @[Ana Roig]\n**bold**\nR&amp;D [x](https://example.org)"
    post = adapted("x", captions={"x": caption})
    told = [problem.message for problem in by_field(post, "caption") if "as it is typed" in problem.message]
    assert [message.split(":")[0] for message in told] == ["In “captions”, line 2", "In “captions”, line 3"]
    assert blocking(post) == []
    assert "**bold**" in post.caption
