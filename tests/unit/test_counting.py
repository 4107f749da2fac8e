"""Tests that texts are counted as each platform counts them, and cleaned before."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.text.cleaning import clean
from publisher.adapt.text.counting import count, excess, rules_of, unit_name
from publisher.platforms.profiles import TextLimits, Unit, load_profile
from publisher.platforms.text_rules import load_text_rules
from publisher.platforms.x import text
from publisher.platforms.x.text import EMOJI_RESERVE, MAX_PARSED, RULES, find_links, weighted_length

X = TextLimits(unit="own", rules_of="x", limit=280)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("cell", 4),
        ("cèl·lula", 8),
        ("клетка", 6),
        ("כתם", 3),
        ("\u10ff", 1),
        ("\u1100", 2),
        ("細胞", 4),
        ("세포", 4),
        ("a\u2003b", 3),
        ("5–6—7", 5),
        ("‘a’ “b”", 7),
        ("5′ 3″", 5),
        ("…", 2),
        ("•", 2),
        ("→", 2),
        ("€", 2),
        ("5 µm", 4),
        ("a\u2011b", 3),
        ("𝛼", 2),
        ("one\ntwo\n\nthree", 14),
        ("one\r\ntwo", 7),
    ],
)
def test_scripts_and_punctuation_weigh_one_or_two_on_x(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


def test_decomposed_letters_are_composed_before_counting() -> None:
    assert weighted_length("e\u0301") == 1
    assert weighted_length("한") == 2  # three conjoining letters, one syllable


@pytest.mark.parametrize("mark", ["\u200b", "\u200c", "\u200d"])
def test_zero_width_marks_count_one_on_x(mark: str) -> None:
    assert weighted_length(f"a{mark}b") == 3


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u061c", "\u202a", "\u2069"])
def test_directional_marks_count_by_their_code_point_on_x(mark: str) -> None:
    assert weighted_length(f"a{mark}b") == (3 if mark == "\u061c" else 4)


@pytest.mark.parametrize(
    "emoji",
    [
        "🧬",
        "❤️",
        "❤",
        "👩‍🔬",
        "👩🏽‍🔬",
        "👍🏿",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🇪🇸",
        "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
        "1️⃣",
        "#️⃣",
        "©",
        "®️",
    ],
)
def test_an_emoji_sequence_weighs_two_on_x(emoji: str) -> None:
    assert weighted_length(emoji) == 2
    assert weighted_length(f"a {emoji} b") == 6


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.com/a", ["https://example.com/a"]),
        ("HTTPS://EXAMPLE.COM", ["HTTPS://EXAMPLE.COM"]),
        ("read README.md first", ["README.md"]),
        ("example.com, bpod.example.org.uk", ["example.com", "bpod.example.org.uk"]),
        ("http://t.co/Abc123", ["http://t.co/Abc123"]),
        ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("https://example.com/a?b=c&d=e#f.", ["https://example.com/a?b=c&d=e#f"]),
        ("https://example.com:8080/", ["https://example.com:8080/"]),
        ("https://ñandú.es/ruta", ["https://ñandú.es/ruta"]),
        ("https://xn--and-6ma2c.es", ["https://xn--and-6ma2c.es"]),
        ("日本https://example.jp/", ["https://example.jp/"]),
        ("two\nhttps://a.example.com\nhttps://b.example.com", ["https://a.example.com", "https://b.example.com"]),
        ("e.g. E. coli and 3.5 µm, v1.2.3", []),
        ("me@example.com", []),
        ("https://localhost/x", []),
        ("file.tiff", []),
    ],
)
def test_x_makes_links_of_addresses_and_bare_domains(text: str, links: list[str]) -> None:
    assert list(find_links(text)) == links
    rest = text
    for link in links:
        rest = rest.replace(link, "", 1)
    assert weighted_length(text) == weighted_length(rest) + 23 * len(links)


def test_a_t_co_link_stops_where_its_code_ends() -> None:
    assert find_links("https://t.co/Abc123,more") == ("https://t.co/Abc123",)


def test_a_long_link_counts_no_more_than_a_short_one() -> None:
    assert weighted_length("https://example.com/" + "a" * 500) == 23


def test_the_limit_is_where_x_has_it() -> None:
    assert excess("a" * 280, X) == 0
    assert excess("a" * 281, X) == 1
    assert excess("細" * 140, X) == 0
    assert excess("細" * 141, X) == 2


@pytest.mark.parametrize("sign", ["©", "™", "®", "🧬", "❤️", "🇪🇸", "1️⃣"])
def test_280_units_with_a_sign_fit(sign: str) -> None:
    assert excess("a" * 278 + sign, X) == 0
    assert excess("a" * 279 + sign, X) == 1


@pytest.mark.parametrize("emoji", ["👩‍🔬", "👍🏿"])
def test_text_with_joined_emoji_keeps_room_for_those_newer_than_the_rules(emoji: str) -> None:
    text = "a" * (280 - 2 - EMOJI_RESERVE)
    assert excess(f"{text}{emoji}", X) == 0
    assert excess(f"a{text}{emoji}", X) == 1


def test_hostile_text_is_counted_from_above_and_never_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(word: str) -> int:
        parsed.append(word)
        return 2 * len(word)

    monkeypatch.setattr(text, "_parsed_length", parse)
    monkeypatch.setattr(text, "_links_of", parse)
    hostile = "a." * 20_000
    assert weighted_length(hostile) >= len(hostile)
    assert find_links(hostile) == ()
    assert weighted_length(" ".join([hostile[:200]] * 100)) >= 200 * 100
    assert sum(len(word) for word in parsed) <= MAX_PARSED


def test_a_long_text_is_counted_exactly_where_it_holds_no_links() -> None:
    assert weighted_length("word " * 10_000) == 50_000


PLAIN_WORDS = st.text(alphabet=st.sampled_from("abcàé·–“”…日€🧬❤️\u200d.©1#"), max_size=12)


@settings(deadline=None)
@given(st.lists(PLAIN_WORDS, max_size=8).map(" ".join))
def test_counting_word_by_word_agrees_with_counting_the_whole_text(text: str) -> None:
    weighted_length("README.md")  # loads the rules
    rules = sys.modules["twitter_text"]
    assert weighted_length(text) == rules.parse_tweet(text).weightedLength


@settings(deadline=None)
@given(st.text(alphabet="0149..:/()-_@#'%xé٣", min_size=2, max_size=20))
def test_a_dot_before_a_figure_makes_no_link(text: str) -> None:
    weighted_length("README.md")  # loads the rules
    rules = sys.modules["twitter_text"]
    assert find_links(text) == tuple(entity["url"] for entity in rules.extract_urls_with_indices(text))
    assert weighted_length(text) == rules.parse_tweet(text).weightedLength


def test_the_rules_of_x_load_without_pkg_resources_and_leave_no_trace() -> None:
    program = (
        "import sys; sys.modules.pop('pkg_resources', None)\n"
        "from publisher.platforms.x.text import weighted_length\n"
        "assert weighted_length('README.md') == 23\n"
        "assert 'pkg_resources' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("text", "unit", "length"),
    [
        ("aé🧬", "code_points", 3),
        ("e\u0301", "code_points", 1),
        ("👩‍🔬", "code_points", 3),
        ("aé🧬", "utf16", 4),
        ("👩‍🔬", "utf16", 5),
        ("👩‍🔬 नमस्ते", "graphemes", 5),
        ("🇪🇸🇫🇷", "graphemes", 2),
    ],
)
def test_each_unit_counts_its_own_way(text: str, unit: Unit, length: int) -> None:
    assert count(text, unit) == length


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.com/long/path.", ("https://example.com/long/path",)),
        ("(https://example.org/a_(b)), example.com…", ("https://example.org/a_(b)", "example.com")),
        ("see https://example.org/a… and https://a.example", ("https://example.org/a", "https://a.example")),
        ("at www.example.org.uk/x, or Example.COM!", ("www.example.org.uk/x", "Example.COM")),
        ("e.g. E. coli, 3.5 µm, v1.2.3, file.tiff, me@example.com", ()),
        ("a." * 20_000, ()),
        ("-" * 20_000, ()),
    ],
)
def test_addresses_and_bare_domains_are_links_in_every_generic_unit(text: str, links: tuple[str, ...]) -> None:
    assert rules_of(TextLimits(unit="utf16", limit=2200)).find_links(text) == links


def test_a_profile_brings_the_rules_of_its_own_platform() -> None:
    limits = load_profile("x").text
    assert (limits.unit, rules_of(limits)) == ("own", RULES)
    assert unit_name("x_weighted", "x") == "characters as X counts them"
    assert unit_name("utf16", "fake") == "characters, emoji as two"
    assert unit_name("runes", "fake") == "runes", "as a post says that was counted by a platform of former times"


def test_own_rules_that_are_missing_are_a_mistake_of_the_platform() -> None:
    with pytest.raises(ValueError, match="rules belong to the unit 'own'"):
        TextLimits(unit="own", limit=280)
    with pytest.raises(ValueError, match="rules belong to the unit 'own'"):
        TextLimits(unit="utf16", rules_of="x", limit=280)
    with pytest.raises(ImportError):
        load_text_rules("tumblr")


def test_a_second_limit_in_bytes_is_kept() -> None:
    limits = TextLimits(unit="graphemes", limit=10, max_bytes=12)
    assert excess("éééééé", limits) == 0
    assert excess("éééééééé", limits) == 4


def test_cleaning_removes_what_nobody_sees_and_keeps_typography() -> None:
    assert clean("\ufeffA\u200b  cell\u00ad \u202eis\x00 5\u00a0µm – “small”…  ") == "A cell is 5\u00a0µm – “small”…"
    assert clean("one\r\n\r\n\r\n\r\ntwo\u2028three \n four") == "one\n\ntwo\nthree\nfour"
    assert clean("e\u0301") == "é"


def test_cleaning_keeps_the_joiners_of_emoji_and_scripts_only() -> None:
    joined = ["👩‍🔬", "❤️", "1️⃣", "क्‍ष", "می‌خواهم", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
    assert [clean(text) for text in joined] == joined
    assert clean("a\u200db \u200dc\ufe0f\U000e0041") == "ab c"


def test_cleaning_keeps_direction_marks_in_right_to_left_text_only() -> None:
    assert clean("a\u200fb") == "ab"
    assert clean("תא\u200f!") == "תא\u200f!"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_cleaning_is_idempotent_and_gives_valid_unicode(text: str) -> None:
    once = clean(text)
    once.encode()
    assert clean(once) == once


@settings(deadline=None)
@given(st.text(alphabet="a \n\u200d\u200c\ufe0f🧬❤é\u0301\U0001f3f4\U000e0067\U000e007f\u200f1#", max_size=30))
def test_cleaning_is_idempotent_among_joiners_and_marks(text: str) -> None:
    assert clean(clean(text)) == clean(text)
