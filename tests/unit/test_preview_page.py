"""Tests that the page of a preview shows each channel, its problems and its pictures, and fetches nothing."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from publisher.adapt.text.rich_html import rich_parts
from publisher.cli.preview_page import Header, preview_page
from publisher.core.content import (
    AdaptedImage,
    AdaptedPost,
    ContentProblem,
    Rendition,
    RenditionSpec,
    Span,
    TextBlock,
)
from publisher.core.problems import recorded_problem
from publisher.posts.preview import RenderedPost

PADDED = recorded_problem("Padded above and below.")
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(1)> {{ 7*7 }} &amp; </style>"
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "article", "header", "figure", "figcaption", "div",
    "span", "img", "h1", "h2", "h3", "p", "a", "b", "strong", "em", "ul", "ol", "li", "blockquote", "dl", "dt", "dd",
    "code",
}  # fmt: skip


class Page(HTMLParser):
    """Parses a page into its elements, with their attributes and the text inside each."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[list[str]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))
        if tag not in ("img", "meta"):
            self._open.append(self.elements[-1][2])

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for inside in self._open:
            inside.append(data)

    def texts(self, tag: str, style: str = "") -> list[str]:
        return ["".join(inside).strip() for _, inside in self._found(tag, style)]

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for attributes, _ in self._found(tag, "")]

    def _found(self, tag: str, style: str) -> Iterator[tuple[dict[str, str], list[str]]]:
        for name, attributes, inside in self.elements:
            if name == tag and style in attributes.get("class", ""):
                yield attributes, inside


@pytest.fixture
def rendition(tmp_path: Path) -> Rendition:
    content = b"the bytes of a picture"
    path = tmp_path / "made.jpeg"
    path.write_bytes(content)
    return Rendition(
        path=path, sha256=hashlib.sha256(content).hexdigest(), format="jpeg", width=1440, height=1080,
        bytes=1_169_937, quality=91, ssim=0.9834, colour_difference=2.38, notes=(PADDED,),
    )  # fmt: skip


def adapted(**changes: Any) -> AdaptedPost:
    spec = RenditionSpec(source="ab" * 32, formats=("jpeg",), max_bytes=1000, max_width=10, max_height=10)
    values = {
        "channel": "x",
        "platform": "x",
        "language": "ca",
        "title": "Cells",
        "caption": "Cells\n\nby Jane Doe",
        "images": (AdaptedImage(spec=spec, alt_text="Green cells"),),
        "count": 18,
        "limit": 280,
        "unit": "x_weighted",
    }
    return AdaptedPost.model_validate(values | changes)


def page_of(post: AdaptedPost | None, *renditions: Rendition | None, problems: tuple[ContentProblem, ...] = ()) -> Page:
    look = RenderedPost("x", post, renditions, problems)
    return Page(preview_page("Cells", "Outlet", [look], {"x": Header("daily_picture", "X")}))


def test_a_look_says_all_that_its_channel_gets(rendition: Rendition) -> None:
    page = page_of(adapted(left_out=("1 sentence of the body",), cost_usd=0.02), rendition)
    assert page.texts("h2") == ["daily_picture"]
    assert page.texts("p", "plain") == ["Cells\n\nby Jane Doe"]
    (image,) = page.attributes("img")
    assert b64decode(image["src"].removeprefix("data:image/jpeg;base64,")) == rendition.path.read_bytes()
    assert image["alt"] == "Green cells"
    assert "Alt text: Green cells" in page.texts("figcaption")[0]
    facts = dict(zip(page.texts("dt"), page.texts("dd"), strict=True))
    assert facts == {
        "Pixels": "1440 × 1080",
        "Bytes": "1,169,937 (JPEG)",
        "Quality": "91 of 100",
        "Likeness to the master (SSIM)": "0.983",
        "Colour difference (ΔE)": "2.4",
        "Length": "18 of 280 characters as X counts them",
        "Cost": "about $0.020",
        "Left out": "1 sentence of the body",
    }
    assert page.texts("li") == ["Padded above and below."]
    assert page.texts("p", "verdict") == ["Nothing stands in its way."]


def test_blocking_problems_come_first_and_are_counted(rendition: Rendition) -> None:
    remark = ContentProblem(field="licence", problem=recorded_problem("It names no licence."), blocking=False)
    block = ContentProblem(field="credit", problem=recorded_problem("It has no credit."))
    page = page_of(adapted(), rendition, problems=(remark, block))
    assert page.texts("li")[1:] == ["It has no credit. credit", "It names no licence. licence"]
    assert page.texts("p", "verdict") == ["1 problem keeps it from going out."]
    assert page_of(adapted(), rendition, problems=(remark,)).texts("p", "verdict") == ["It can go out; 1 remark below."]


def test_replies_follow_the_caption(rendition: Rendition) -> None:
    page = page_of(adapted(thread=("One.\n\nTwo.", HOSTILE)), rendition)
    assert page.texts("li")[1:] == ["One.\n\nTwo.", HOSTILE]
    assert "Goes on in 2 replies:" in page.texts("p")
    assert "Goes on" not in "".join(page_of(adapted(), rendition).texts("article"))


def test_what_is_missing_is_said() -> None:
    bare = adapted(images=(adapted().images[0].model_copy(update={"alt_text": ""}),), caption="")
    page = page_of(bare, None)
    assert page.attributes("img") == []
    assert {"This picture could not be made.", "No alt text", "No caption"} <= set(page.texts("p"))
    assert page_of(None).texts("article")[0].endswith("This channel leaves the post out: it is not translated.")


def test_pictures_keep_the_order_of_the_channel(rendition: Rendition, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(b"another picture")
    second = rendition.model_copy(update={"path": other, "format": "png", "quality": None})
    (image,) = adapted().images
    post = adapted(images=(image, image.model_copy(update={"alt_text": "Its nucleus"})))
    page = page_of(post, rendition, second)
    assert [image["src"].partition(";")[0] for image in page.attributes("img")] == ["data:image/jpeg", "data:image/png"]
    assert [image["alt"] for image in page.attributes("img")] == ["Green cells", "Its nucleus"]
    assert "lossless" in page.texts("dd")


def test_rich_text_keeps_its_form() -> None:
    blocks = [
        TextBlock(kind="heading", text="Cells"),
        TextBlock(
            text="Bold link, <plain>",
            spans=(
                Span(start=0, end=9, kind="link", url="https://example.org/?a=1&b=2"),
                Span(start=0, end=4, kind="bold"),
                Span(start=2, end=6, kind="italic"),
            ),
        ),
        TextBlock(kind="bullet", text="one"),
        TextBlock(kind="bullet", text="two"),
        TextBlock(kind="number", text="three"),
        TextBlock(text="@ana", spans=(Span(start=0, end=4, kind="mention"),)),
    ]
    link = '<a href="https://example.org/?a=1&amp;b=2" rel="noreferrer">'
    assert rich_parts(blocks) == [
        ("heading", ["Cells"]),
        (
            "paragraph",
            [
                f"{link}<strong>Bo</strong></a>{link}<em><strong>ld</strong></em></a>{link}<em> l</em></a>"
                f"{link}ink</a>, &lt;plain&gt;"
            ],
        ),
        ("bullet", ["one", "two"]),
        ("number", ["three"]),
        ("paragraph", ["<b>@ana</b>"]),
    ]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,<script>", "", None, " https://x"])
def test_only_web_addresses_become_links(url: str | None) -> None:
    block = TextBlock(text="click", spans=(Span(start=0, end=5, kind="link", url=url),))
    assert rich_parts([block]) == [("paragraph", ["<b>click</b>"])]


@pytest.mark.parametrize("rich", [False, True])
def test_hostile_text_stays_text_everywhere(rendition: Rendition, rich: bool) -> None:
    spans = (
        Span(start=0, end=8, kind="bold"),
        Span(start=4, end=20, kind="link", url='https://e.org/"><script>alert(1)</script>'),
    )
    kinds = ("heading", "paragraph", "bullet", "number", "quote")
    blocks = [TextBlock.model_validate({"kind": kind, "text": HOSTILE, "spans": spans}) for kind in kinds]
    post = adapted(
        title=HOSTILE, caption=HOSTILE, language=HOSTILE, tags=(HOSTILE,), link=HOSTILE, left_out=(HOSTILE,),
        unit=HOSTILE, blocks=tuple(blocks) if rich else (),
        images=(adapted().images[0].model_copy(update={"alt_text": HOSTILE}),),
    )  # fmt: skip
    look = RenderedPost(
        HOSTILE,
        post,
        (rendition.model_copy(update={"notes": (HOSTILE,)}),),
        (ContentProblem(field=HOSTILE, problem=recorded_problem(HOSTILE)),),
    )
    source = preview_page(HOSTILE, HOSTILE, [look], {HOSTILE: Header(HOSTILE, HOSTILE)})
    page = Page(source)
    assert {tag for tag, _, _ in page.elements} <= ALLOWED
    assert {name for _, attributes, _ in page.elements for name in attributes} <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "src", "alt", "href", "rel"
    }  # fmt: skip
    assert page.texts("h1") == [HOSTILE]
    assert [image["alt"] for image in page.attributes("img")] == [HOSTILE]
    assert (page.texts("blockquote") if rich else page.texts("p", "plain")) == [HOSTILE]
    assert "49" not in "".join(page.texts("body"))


def test_the_page_fetches_nothing(rendition: Rendition) -> None:
    page = page_of(adapted(), rendition)
    assert all(image["src"].startswith("data:") for image in page.attributes("img"))
    (policy,) = [meta["content"] for meta in page.attributes("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")
    assert "url(" not in "".join(page.texts("style"))


def test_a_problem_that_channels_share_counts_once(rendition: Rendition) -> None:
    block = ContentProblem(field="credit", problem=recorded_problem("It has no credit."))
    looks = [RenderedPost(name, adapted(), (rendition,), (block,)) for name in ("x", "web")]
    page = Page(preview_page("Cells", "Outlet", looks, {name: Header(name, "Web") for name in ("x", "web")}))
    assert page.texts("li", "stop") == ["It has no credit. credit"] * 2
    assert page.texts("p", "verdict") == ["1 problem keeps it from going out."]
