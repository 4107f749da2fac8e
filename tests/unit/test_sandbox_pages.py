"""Tests the sandbox's pages: posts as a follower sees them, every alt text, and escaping."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

from publisher.sandbox.control import ControlPort
from publisher.sandbox.discovery import sandbox_names
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.ledger import Ledger, LedgerImage, LedgerPost, image_of
from publisher.sandbox.wire import Request

if TYPE_CHECKING:
    from publisher.sandbox.base import SandboxPlatform

PLATFORMS = sandbox_names()
HOSTILE = "<script>alert('x')</script> & \"quoted\" </article>"
VOID = {"img", "meta", "link", "br"}


@dataclass
class FakePlatform:
    """Provides what the pages need of a platform, without its server."""

    name: str
    label: str
    ledger: Ledger

    def posts(self) -> list[LedgerPost]:
        return self.ledger.posts(self.name)

    def catch_up(self) -> None:
        """Does nothing: no request is late."""


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


class Page(HTMLParser):
    """Collects every element with its attributes and text; refuses tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parents = tuple(parent.tag for parent in self._open)
        element = Element(tag, {name: value or "" for name, value in attrs}, parents)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, css_class: str | None = None) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag and (css_class is None or css_class in element.attributes.get("class", "").split())
        ]

    def texts(self, tag: str, css_class: str | None = None) -> list[str]:
        return [element.text.strip() for element in self.all(tag, css_class)]


class Pages:
    """Adds posts to the ledger and opens pages."""

    def __init__(self, ledger: Ledger, control: ControlPort) -> None:
        self.ledger = ledger
        self.control = control
        self._posts = 0

    def add(self, platform: str, *images: LedgerImage, caption: str = "A caption", **values: Any) -> LedgerPost:
        self._posts += 1
        number = self._posts
        fields: dict[str, Any] = {
            "account": "outlet",
            "id": str(number),
            "at": datetime(2026, 5, 4, 9, number % 60, tzinfo=UTC),
            "url": f"https://{platform}.example/outlet/{number}",
            "tags": (),
            "idempotency_key": None,
        }
        post = LedgerPost(platform=platform, caption=caption, images=images, **(fields | values))
        self.ledger.add(post)
        return post

    def open(self, path: str) -> Page:
        answer = self.control.answer(Request(method="GET", url=path, host="127.0.0.1", path=path, query={}, headers={}))
        assert answer.status == 200
        return Page(answer.body.decode())


@pytest.fixture(scope="module")
def ledger_and_control() -> Iterator[tuple[Ledger, ControlPort]]:
    ledger = Ledger()
    platforms = [cast("SandboxPlatform", FakePlatform(name, name.title(), ledger)) for name in PLATFORMS]
    control = ControlPort(platforms, ledger, FaultQueue(), lambda name: {})
    control.start()
    yield ledger, control
    control.stop()


@pytest.fixture
def pages(ledger_and_control: tuple[Ledger, ControlPort]) -> Pages:
    ledger, control = ledger_and_control
    ledger.clear()
    return Pages(ledger, control)


def picture(alt_text: str | None, *, width: int = 40, height: int = 30, grey: int = 90) -> LedgerImage:
    content = io.BytesIO()
    Image.new("L", (width, height), grey).save(content, "PNG")
    return image_of(content.getvalue(), width=width, height=height, mime_type="image/png", alt_text=alt_text)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_picture_is_shown_with_its_alt_text_size_and_weight(pages: Pages, platform: str, count: int) -> None:
    images = [picture(f"Cell {n}, dividing", width=40 + n, height=30 + n, grey=n) for n in range(count)]
    pages.add(platform, *images)

    page = pages.open(f"/{platform}")

    pictures = [element for element in page.all("img") if "figure" in element.parents]
    assert [element.attributes for element in pictures] == [
        {
            "src": f"/image/{image.sha256}",
            "alt": image.alt_text,
            "width": str(image.width),
            "height": str(image.height),
            "loading": "lazy",
        }
        for image in images
    ]
    assert [element.text.split("ALT")[1].strip() for element in page.all("details", "alt")] == [
        image.alt_text for image in images
    ]
    assert all("open" in element.attributes for element in page.all("details", "alt"))
    captions = " ".join(page.texts("figcaption"))
    for image in images:
        assert f"{image.width} × {image.height} px, {len(image.content)} Bytes, PNG" in captions


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("alt_text", [None, "", "  "])
def test_a_picture_without_alt_text_is_marked(pages: Pages, platform: str, alt_text: str | None) -> None:
    pages.add(platform, picture("A described one", grey=1), picture(alt_text, grey=2))

    page = pages.open(f"/{platform}")

    assert page.texts("p", "missing") == ["no alt text"]
    assert len(page.all("details", "alt")) == 1


def test_replies_stand_below_what_they_answer_the_oldest_first(pages: Pages) -> None:
    first = pages.add("x", caption="the first post")
    second = pages.add("x", caption="its reply", detail={"reply_to": first.id})
    pages.add("x", caption="another day")
    pages.add("x", caption="the last reply", detail={"reply_to": second.id})
    pages.add("x", caption="a reply to what is gone", detail={"reply_to": "999"})

    page = pages.open("/x")

    captions = ["a reply to what is gone", "another day", "the first post", "its reply", "the last reply"]
    assert [caption in text for caption, text in zip(captions, page.texts("article"), strict=True)] == [True] * 5


@pytest.mark.parametrize("path", ["/", *(f"/{platform}" for platform in PLATFORMS)])
def test_nothing_that_people_wrote_becomes_markup(pages: Pages, path: str) -> None:
    for platform in PLATFORMS:
        pages.add(
            platform,
            picture(HOSTILE),
            picture(HOSTILE, grey=7),
            caption=HOSTILE,
            account=HOSTILE,
            id=HOSTILE,
            url=HOSTILE,
            tags=(HOSTILE,),
            idempotency_key=HOSTILE,
        )

    page = pages.open(path)

    assert not page.all("script")
    assert "<script" not in page.html
    assert len(page.all("article")) == (len(PLATFORMS) if path == "/" else 1)
    assert all(element.attributes["alt"] == HOSTILE for element in page.all("img"))
    assert HOSTILE in page.texts("main")[0]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_newest_post_comes_first_and_says_when(pages: Pages, platform: str) -> None:
    older, newer = pages.add(platform, caption="older"), pages.add(platform, caption="newer")

    page = pages.open(f"/{platform}")

    assert [text.find("newer") > 0 for text in page.texts("article")] == [True, False]
    assert [element.attributes["datetime"] for element in page.all("time")] == [
        newer.at.isoformat(),
        older.at.isoformat(),
    ]
    assert page.texts("time")[1] == "4 May 2026, 09:01 UTC"


@pytest.mark.parametrize("platform", ["x", "instagram"])
def test_captions_keep_their_line_breaks(pages: Pages, platform: str) -> None:
    pages.add(platform, caption="One\n\n  Two\nThree ")

    assert any("One\n\n  Two\nThree" in text for text in pages.open(f"/{platform}").texts("p", "prose"))


@pytest.mark.parametrize(
    ("caption", "links"),
    [
        ("See https://bpod.org.uk/archive?a=1&b=2, please.", ["https://bpod.org.uk/archive?a=1&b=2"]),
        ("By @crick (#Cells) #DNA.", ["@crick", "#Cells", "#DNA"]),
        ("#C-elegans and #Alzheimer’s", ["#C", "#Alzheimer"]),
        ("#हिन्दी #日本", ["#हिन्दी", "#日本"]),
        ("Issue #1, a lone # and me@example.org", []),
    ],
)
def test_links_tags_and_mentions_are_coloured_but_not_live(pages: Pages, caption: str, links: list[str]) -> None:
    pages.add("x", caption=caption)

    page = pages.open("/x")

    assert page.texts("span", "link") == links
    assert page.texts("p", "prose") == [caption]
    assert not [element for element in page.all("a") if element.attributes.get("href", "").startswith("http")]


def tumblr_post(pages: Pages, *blocks: dict[str, Any], images: tuple[LedgerImage, ...] = ()) -> Page:
    pages.add("tumblr", *images, detail={"content": list(blocks)})
    return pages.open("/tumblr")


def test_tumblr_text_is_rich_and_counts_code_points(pages: Pages) -> None:
    text = "🔬 bold both italic & a link"
    marks = [
        {"type": "bold", "start": 2, "end": 11},
        {"type": "italic", "start": 7, "end": 18},
        {"type": "link", "start": 21, "end": 27, "url": 'https://bpod.org.uk/"><script>'},
    ]

    page = tumblr_post(pages, {"type": "text", "text": text, "formatting": marks})

    assert page.texts("strong") == ["bold", "both"]
    assert page.texts("em") == ["both", "italic"]
    assert [element.parents[-1] for element in page.all("strong")] == ["p", "em"]
    link = page.all("a", "link")[0]
    assert (link.text, link.attributes["title"]) == ("a link", 'https://bpod.org.uk/"><script>')
    assert "href" not in link.attributes
    assert text in page.texts("p")


def test_tumblr_headings_lists_and_quotes_have_their_own_elements(pages: Pages) -> None:
    page = tumblr_post(
        pages,
        {"type": "text", "subtype": "heading1", "text": "Title"},
        {"type": "text", "subtype": "heading2", "text": "Standfirst"},
        {"type": "text", "subtype": "unordered-list-item", "text": "one"},
        {"type": "text", "subtype": "unordered-list-item", "text": "two"},
        {"type": "text", "subtype": "ordered-list-item", "text": "first"},
        {"type": "text", "subtype": "quote", "text": HOSTILE},
    )

    assert (page.texts("h2"), page.texts("h3")) == (["Title"], ["Standfirst"])
    assert [(element.text, element.parents[-1]) for element in page.all("li")] == [
        ("one", "ul"),
        ("two", "ul"),
        ("first", "ol"),
    ]
    assert len(page.all("ul")) == len(page.all("ol")) == 1
    assert page.texts("blockquote") == [HOSTILE]


def test_tumblr_pictures_stand_where_their_blocks_do(pages: Pages) -> None:
    first, second = picture("first", grey=1), picture("second", grey=2)
    media = [{"type": "image/png", "identifier": "a"}]

    page = tumblr_post(
        pages,
        {"type": "image", "media": media},
        {"type": "text", "text": "In the middle"},
        {"type": "image", "media": media},
        images=(first, second),
    )

    assert [element.attributes["alt"] for element in page.all("img")] == ["first", "second"]
    assert page.html.index(first.sha256) < page.html.index("In the middle") < page.html.index(second.sha256)


def test_tumblr_without_rich_text_falls_back_to_paragraphs(pages: Pages) -> None:
    pages.add("tumblr", caption="One\n\nTwo #cells", tags=("Cell biology",))

    page = pages.open("/tumblr")

    assert [text for text in page.texts("p") if text in ("One", "Two #cells")] == ["One", "Two #cells"]
    assert page.texts("li") == ["#Cell biology"]


def test_x_lays_several_photos_into_one_frame(pages: Pages) -> None:
    for count in range(1, 5):
        pages.add("x", *(picture(None, grey=count * 10 + n) for n in range(count)))

    assert [frame.attributes["class"] for frame in pages.open("/x").all("div", "photos")] == [
        f"photos photos-{count}" for count in (4, 3, 2, 1)
    ]


def test_instagram_gives_every_slide_the_first_pictures_shape(pages: Pages) -> None:
    pages.add("instagram", picture("tall", width=40, height=50), picture("wide", width=60, height=30))

    page = pages.open("/instagram")

    assert page.all("div", "slides")[0].attributes["style"] == "--ratio: 40 / 50"
    assert page.texts("p", "place") == ["1 of 2", "2 of 2"]


def test_instagram_grid_leads_to_each_post(pages: Pages) -> None:
    pages.add("instagram", picture("a"), id="3412_77")
    pages.add("instagram", id="no picture")

    page = pages.open("/instagram")

    targets = [element.attributes["href"].removeprefix("#") for element in page.all("a") if "ul" in element.parents]
    assert targets == [element.attributes["id"] for element in page.all("article")]
    assert len(set(targets)) == 2


def test_the_index_counts_posts_and_shows_the_newest_picture(pages: Pages) -> None:
    newest = picture("the newest", grey=2)
    pages.add("x", picture("older", grey=1))
    pages.add("x", newest, caption="A title\nand more")

    page = pages.open("/")

    assert page.texts("p", "count") == ["2 posts" if name == "x" else "0 posts" for name in PLATFORMS]
    assert [element.attributes["src"] for element in page.all("img")] == [f"/image/{newest.sha256}"]
    assert page.texts("p", "first-line") == ["A title"]
    links = [element.attributes["href"] for element in page.all("a") if "article" in element.parents]
    assert links == [f"/{name}" for name in PLATFORMS]


@pytest.mark.parametrize("path", ["/", *(f"/{platform}" for platform in PLATFORMS)])
def test_an_empty_page_says_what_to_do(pages: Pages, path: str) -> None:
    page = pages.open(path)

    assert "publisher demo" in page.texts("section", "empty")[0]
    assert "/accounts" in [element.attributes["href"] for element in page.all("a")]


@pytest.mark.parametrize("path", ["/", *(f"/{platform}" for platform in PLATFORMS)])
def test_a_page_loads_nothing_from_elsewhere(pages: Pages, path: str) -> None:
    for platform in PLATFORMS:
        pages.add(platform, picture("a"), caption="https://example.org/a.png")

    page = pages.open(path)

    assert not page.all("script")
    sources = [element.attributes.get("src") or element.attributes.get("href", "") for element in page.elements]
    assert all(source.startswith(("/", "#", "data:,")) for source in sources if source)
    assert "url(" not in page.html
    assert "@import" not in page.html


def test_every_page_leads_back_to_the_desk_and_to_each_post(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pages.control._pages.globals, "desk", "")
    posts = {name: pages.add(name) for name in PLATFORMS}
    assert pages.open("/").all("a", "desk") == []
    body = b'{"url": "http://127.0.0.1:8000"}'
    request = Request(method="POST", url="/desk", host="127.0.0.1", path="/desk", query={}, headers={}, body=body)
    assert pages.control.answer(request).status == 200
    for name, post in posts.items():
        page = pages.open(f"/{name}")
        (link,) = page.all("a", "desk")
        assert (link.attributes["href"], link.text) == ("http://127.0.0.1:8000", "Back to the desk")
        assert f"post-{post.id}" in [element.attributes.get("id") for element in page.elements]
