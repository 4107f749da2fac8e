"""Tests what the outlet's site shows to everybody, and what it keeps to itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import requests
from lxml import etree
from sqlalchemy import update

from publisher.cli.service import ROLES, Service, own_roles
from publisher.db.models import Pick, Post, PostImage
from publisher.posts.posts import withdraw_post
from publisher.settings import ReuseRule, SettingsError
from publisher.site.export import SiteExport
from publisher.site.rendering import SiteTemplateError
from tests.conftest import WriteDesk
from tests.public_site import ADDRESS, NOW, TODAY, PublicSite, Visitor, open_public_site
from tests.waiting import TIMEOUT

YESTERDAY = TODAY - timedelta(days=1)
TODAY_PATH, YESTERDAY_PATH = "/archive/2026/5/12", "/archive/2026/5/11"
LISTS = (
    "/",
    "/archive",
    "/archive/2026",
    "/archive/2026/5",
    "/tags/cell-biology",
    "/people/sophie-arthur",
    "/links",
    "/feed.xml",
    "/sitemap.xml",
    "/search?q=heron",
)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[PublicSite]:
    opened = open_public_site(write_desk(tmp_path / "desk"))
    yield opened
    opened.desk.database.close()


@pytest.fixture
def visitor(site: PublicSite) -> Iterator[Visitor]:
    with site.visit() as client:
        yield client


def shows(visitor: Visitor, text: str) -> list[str]:
    """Returns the lists that show a text."""
    return [path for path in LISTS if text in visitor.get(path).text]


# --- what is public --------------------------------------------------------------------------


def test_an_empty_site_says_so(visitor: Visitor) -> None:
    assert "Nothing was published yet" in visitor.get("/").text
    assert [visitor.get(path).status_code for path in ("/archive", "/links", "/feed.xml", "/sitemap.xml")] == [200] * 4


def test_a_day_shows_its_post_as_the_first_user_does(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Mother's Milk")
    page = visitor.get(TODAY_PATH)

    assert page.status_code == 200
    text = page.text
    text = text[text.index("<main") :]
    order = ("<h1>", "What Mother&#39;s Milk means</p>", "12 May 2026", "<p>One <em>quiet</em> cell.</p>", "Written by")
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "Sophie Arthur" in text
    assert 'alt="What Mother&#39;s Milk shows"' in text
    assert "Jane Doe" in text
    assert "https://creativecommons.org/licenses/by/4.0/" in text


def test_a_day_says_who_may_use_its_picture(
    site: PublicSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish("Grey heron", licence="CC BY-NC 4.0")
    assert "Yes, where it is not commercial." in visitor.get(TODAY_PATH).text
    rule = ReuseRule(credit="jane doe", answer="Ask <Jane>", answers={"ca": "Demana-ho"})
    archive = site.desk.settings.archive.model_copy(update={"reuse": (rule,)})
    monkeypatch.setattr(site.desk, "settings", site.desk.settings.model_copy(update={"archive": archive}))
    site.clock.advance(seconds=10)
    assert "<dd>Ask &lt;Jane&gt;</dd>" in visitor.get(TODAY_PATH).text
    assert "<dd>Demana-ho</dd>" in visitor.get(f"/ca{TODAY_PATH}").text


def test_every_list_has_what_was_published(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Grey heron")

    assert [path for path in LISTS if "heron" not in visitor.get(path).text] == ["/archive", "/sitemap.xml"]
    assert "Sophie Arthur" in visitor.get("/archive").text
    assert TODAY_PATH in visitor.get("/sitemap.xml").text


def test_nothing_of_drafts_and_of_the_queue_is_shown(site: PublicSite, visitor: Visitor) -> None:
    site.publish("A cell")
    for title, values in (
        ("Heron draft", {}),
        ("Heron in line", {"state": "approved", "approved_at": NOW}),
        ("Heron of tomorrow", {"state": "approved", "approved_at": NOW, "fixed_date": TODAY + timedelta(days=1)}),
        ("Heron in reserve", {"state": "approved", "approved_at": NOW, "reserve": True}),
    ):
        site.draft(title, **values)

    assert shows(visitor, "Heron") == []
    assert "/archive/2026/5/13" not in visitor.get(TODAY_PATH).text
    assert visitor.get("/archive/2026/5/13").status_code == 404


def test_a_post_appears_with_its_slot(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Yesterday's cell", YESTERDAY)
    assert "Yesterday&#39;s cell" in visitor.get("/").text
    assert visitor.get(TODAY_PATH).status_code == 404

    site.publish("Heron")
    site.clock.advance(seconds=10)

    assert "Heron" in visitor.get("/").text
    assert visitor.get(TODAY_PATH).status_code == 200


def test_an_embargo_holds_whatever_was_picked(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", embargo_until=NOW + timedelta(hours=2))
    assert shows(visitor, "Heron") == []
    assert visitor.get(TODAY_PATH).status_code == 404

    site.clock.advance(seconds=7200)

    assert visitor.get(TODAY_PATH).status_code == 200
    assert "Heron" in visitor.get("/").text


def test_a_withdrawn_post_is_gone_everywhere(site: PublicSite, visitor: Visitor) -> None:
    site.publish("A cell", YESTERDAY)
    post = site.publish("Heron")
    picture = re.findall(r'/pictures/[^ "]+', visitor.get(TODAY_PATH).text)[0]
    assert "Heron" in visitor.get("/").text

    site.change(post, state="withdrawn", approved_at=None)

    gone = visitor.get(TODAY_PATH)
    assert gone.status_code == 410
    assert "This post was withdrawn" in gone.text
    assert 'name="q"' in gone.text
    assert shows(visitor, "Heron") == []
    assert TODAY_PATH not in visitor.get(YESTERDAY_PATH).text
    assert visitor.get(picture).status_code == 404


def test_a_withdrawal_in_the_desk_takes_the_page_away(site: PublicSite, visitor: Visitor) -> None:
    post = site.import_post("Heron", date(2022, 2, 12))
    assert visitor.get("/archive/2022/2/12").status_code == 200

    withdraw_post(site.desk.database, post, site.desk.now(), "mar")

    assert visitor.get("/archive/2022/2/12").status_code == 410


def test_a_change_without_approval_is_not_shown(site: PublicSite, visitor: Visitor) -> None:
    post = site.publish("Heron")
    site.change(post, title="Stork", body="Not *checked* yet.", state="draft", approved_at=None)

    assert shows(visitor, "Stork") == []
    assert "Heron" in visitor.get(TODAY_PATH).text
    assert "checked" not in visitor.get(TODAY_PATH).text
    assert "Heron" not in visitor.get("/search?q=stork").text


def test_an_imported_post_reads_as_it_was_imported(site: PublicSite, visitor: Visitor) -> None:
    post = site.import_post("Heron", date(2022, 2, 12))
    assert "Heron" in visitor.get("/archive/2022/2/12").text

    site.change(post, title="Stork")
    assert "Heron" in visitor.get("/archive/2022/2/12").text

    site.change(post, state="approved", approved_at=NOW)
    assert "Stork" in visitor.get("/archive/2022/2/12").text


def test_a_post_that_was_shown_again_has_its_first_page(site: PublicSite, visitor: Visitor) -> None:
    post = site.import_post("Heron", date(2022, 2, 12))
    site.change(post, state="approved", approved_at=NOW, reserve=True)
    with site.writing() as session:
        session.add(Pick(slot=TODAY, post_id=post, reason="reserve", picked_at=NOW))
    page = visitor.get(TODAY_PATH).text

    assert f'rel="canonical" href="{ADDRESS}/archive/2022/2/12"' in page
    assert "From the archive:" in page
    assert visitor.get("/archive/2022/2/12").status_code == 200


def test_no_name_of_staff_but_the_writers_is_shown(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", edited_by="mar@example.org")

    assert shows(visitor, "mar@example.org") == []
    assert "mar@example.org" not in visitor.get(TODAY_PATH).text


def test_captions_for_channels_are_neither_shown_nor_found(site: PublicSite, visitor: Visitor) -> None:
    site.publish("A cell", captions={"tumblr": "Our heron, for followers"})

    assert "A cell" not in visitor.get("/search?q=heron").text
    assert "heron" not in visitor.get(TODAY_PATH).text


def test_the_start_page_shows_the_newest_post_with_an_approved_text(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", YESTERDAY)
    post = site.publish("Stork")
    with site.writing() as session:
        session.execute(
            update(Post).where(Post.id == post).values(state="draft", approved_at=None, approved_version=None)
        )

    start = visitor.get("/")
    assert start.status_code == 200
    assert "Heron" in start.text
    assert "Heron" in visitor.get("/feed.xml").text
    assert shows(visitor, "Stork") == []
    assert visitor.get(TODAY_PATH).status_code == 404
    assert TODAY_PATH not in visitor.get(YESTERDAY_PATH).text


# --- languages -------------------------------------------------------------------------------


def test_editions_stand_side_by_side(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", translations={"ca": {"title": "Bernat pescaire", "body": "Quiet.", "alt_texts": ["Ocell"]}})
    english, catalan = visitor.get(TODAY_PATH).text, visitor.get(f"/ca{TODAY_PATH}").text

    assert '<html lang="ca">' in catalan
    assert "Bernat pescaire" in catalan
    assert 'alt="Ocell"' in catalan
    for page in (english, catalan):
        assert f'hreflang="en" href="{ADDRESS}{TODAY_PATH}"' in page
        assert f'hreflang="ca" href="{ADDRESS}/ca{TODAY_PATH}"' in page
    assert "Bernat" in visitor.get("/ca/feed.xml").text
    assert "Bernat" not in visitor.get("/feed.xml").text


def test_an_untranslated_post_is_shown_in_its_own_language(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron")
    page = visitor.get(f"/ca{TODAY_PATH}").text

    assert '<h1 lang="en">Heron</h1>' in page
    assert f'rel="canonical" href="{ADDRESS}{TODAY_PATH}"' in page
    assert 'rel="alternate" hreflang="ca"' not in page


# --- what programs read ----------------------------------------------------------------------


def test_the_feed_and_the_map_are_well_formed(site: PublicSite, visitor: Visitor) -> None:
    site.publish('<script>alert("&")</script> ]]>', body="A & B < C\n\n<b>x</b>")
    for path in ("/feed.xml", "/ca/feed.xml", "/sitemap.xml"):
        etree.fromstring(visitor.get(path).content)
    feed = etree.fromstring(visitor.get("/feed.xml").content)
    content = feed.findtext(".//{*}entry/{*}content")

    assert content is not None
    assert "<p>A &amp; B &lt; C</p>" in content
    assert "<b>x</b>" not in content


def test_no_control_character_breaks_what_programs_read(site: PublicSite, visitor: Visitor) -> None:
    site.publish("He\x08ron\ufffe", tags=["grey\x0bbird\x01"])
    with site.writing() as session:
        session.execute(update(PostImage).values(alt_text="A\x0c \x02bird\uffff"))

    feed = etree.fromstring(visitor.get("/feed.xml").content)
    assert [category.get("term") for category in feed.iterfind(".//{*}category")] == ["grey bird"]
    for path in (TODAY_PATH, "/archive", "/tags/grey-bird"):
        assert not re.search("[\x00-\x08\x0b-\x1f\ufffe\uffff]", visitor.get(path).text)


def test_the_feed_says_when_a_post_appeared(site: PublicSite, visitor: Visitor) -> None:
    site.import_post("Early", TODAY)
    site.publish("Held", YESTERDAY, embargo_until=NOW - timedelta(minutes=3))
    with site.writing() as session:
        session.execute(update(Pick).values(picked_at=NOW - timedelta(days=1, hours=3, minutes=30)))
    site.clock.advance(seconds=-5 * 3600)
    entries = entry_moments(visitor)
    assert entries == {"Early": "2026-05-12T06:30:00Z"}

    site.clock.advance(seconds=5 * 3600)
    assert entry_moments(visitor) == {"Early": "2026-05-12T08:00:00Z", "Held": "2026-05-12T11:27:00Z"}


def entry_moments(visitor: Visitor) -> dict[str, str]:
    feed = etree.fromstring(visitor.get("/feed.xml").content)
    return {entry.findtext("{*}title", ""): entry.findtext("{*}updated", "") for entry in feed.iterfind("{*}entry")}


def test_who_wants_a_licence_is_led_to_the_outlet(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", link="https://journal.example/article")
    data = re.findall(r'<script type="application/ld\+json">(.*?)</script>', visitor.get(TODAY_PATH).text)

    assert json.loads(data[0])["acquireLicensePage"] == f"{ADDRESS}/about"


def test_the_data_about_a_picture_can_not_end_their_element(site: PublicSite, visitor: Visitor) -> None:
    alert = "</script><script>alert(1)</script>"
    post = site.publish("A & B", licence="CC BY-SA 3.0")
    with site.writing() as session:
        session.execute(update(PostImage).where(PostImage.post_id == post).values(alt_text=alert))
    page = visitor.get(TODAY_PATH).text
    data = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)

    assert len(data) == 1
    read = json.loads(data[0])
    assert read["name"] == "A & B"
    assert read["description"] == alert
    assert read["license"] == "https://creativecommons.org/licenses/by-sa/3.0/"
    assert "<script>alert" not in page


def test_oembed_describes_the_picture_of_a_day(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron")
    answer = visitor.get("/oembed", params={"url": ADDRESS + TODAY_PATH}).json()

    assert answer["type"] == "photo"
    assert answer["title"] == "Heron"
    assert answer["url"].startswith(f"{ADDRESS}/pictures/")
    for elsewhere in ("https://evil.example/archive/2026/5/12", "javascript:x", "https://[", ADDRESS, ""):
        assert visitor.get("/oembed", params={"url": elsewhere}).status_code == 404
    assert visitor.get("/oembed", params={"url": ADDRESS + TODAY_PATH, "format": "xml"}).status_code == 501


# --- addresses -------------------------------------------------------------------------------


def test_an_address_of_the_former_site_leads_to_the_post(site: PublicSite, visitor: Visitor) -> None:
    site.import_post("Heron", date(2022, 2, 12), link="https://old.example/news/item.php?id=7")
    answer = visitor.get("/news/item.php?id=7")

    assert answer.status_code == 301
    assert answer.headers["location"] == "/archive/2022/2/12"
    assert visitor.get("/news/item.php?id=8").status_code == 404
    site.import_post("Wren", date(2022, 2, 13), link="https://old.example/birds/wren/")
    site.clock.advance(seconds=10)
    assert visitor.get("/birds/wren?utm_source=letter").headers["location"] == "/archive/2022/2/13"


@pytest.mark.parametrize(
    ("asked", "found"), [("/archive/2026/05/12", TODAY_PATH), (f"{TODAY_PATH}/", TODAY_PATH), ("//evil.example/", None)]
)
def test_other_forms_of_an_address_lead_to_the_one(
    site: PublicSite, visitor: Visitor, asked: str, found: str | None
) -> None:
    site.publish("Heron")
    answer = visitor.get(asked)

    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")
    assert found is None or (answer.status_code, answer.headers["location"]) == (301, found)


@pytest.mark.parametrize(
    "path",
    [
        "/queue",
        "/posts/1",
        "/login",
        "/api/v1/posts",
        "/healthz",
        "/static/desk.css",
        "/archive/0/0/0",
        "/archive/99999/1/1",
        "/archive/2026/13",
        "/archive/2026/5/12/1",
        "/archive/٢٠٢٦/5/12",
        "/tags/",
        "/tags/..%2f..%2fetc",
        "/tags/cell-biology/1",
        "/tags/cell-biology/99",
        "/people/nobody",
        "/../config/publisher.toml",
        "/%2e%2e/config/publisher.toml",
        "/pictures/../../queue.db",
        "/pictures/1-1-480-0000000000000000.webp",
        "/pictures/999999999999-1-480-0000000000000000.webp",
        "/base.html",
        "/search.js/x",
        "/xx/archive",
        "/" + "a" * 5000,
        "/%00",
        "/%ff%fe",
    ],
)
def test_nothing_else_is_there(site: PublicSite, visitor: Visitor, path: str) -> None:
    site.publish("Heron")
    answer = visitor.get(path)
    while answer.status_code == 301:
        answer = visitor.get(answer.headers["location"])

    assert answer.status_code == 404
    if "pictures" not in path:
        assert 'name="q"' in answer.text


@pytest.mark.parametrize(
    "query",
    ["", " ", "heron", '"', "'; DROP TABLE post; --", "a" * 5000, "* OR NEAR(", "<script>x</script>", "\x00", "é·l"],
)
def test_no_search_breaks_the_page(site: PublicSite, visitor: Visitor, query: str) -> None:
    site.publish("Grey heron")
    answer = visitor.get("/search", params={"q": query})

    assert answer.status_code == 200
    assert "<script>" not in answer.text


def test_a_search_marks_what_it_found(site: PublicSite, visitor: Visitor) -> None:
    site.publish("A bird", body="The grey *herons* stand in cold water.")
    page = visitor.get("/search?q=heron").text

    assert "A bird" in page
    assert "<mark>herons</mark>" in page


def test_only_reading_is_answered(visitor: Visitor) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert visitor.request(method, "/").status_code == 405
    assert visitor.head("/").status_code == 200


# --- headers ---------------------------------------------------------------------------------


def test_every_answer_has_strict_headers_and_no_cookie(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron")
    for path in (*LISTS, TODAY_PATH, "/nothing", "/site.css", "/robots.txt", "/pictures/x"):
        headers = visitor.get(path).headers
        assert "set-cookie" not in headers
        assert "script-src" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"]


def test_an_unchanged_page_is_not_sent_again(site: PublicSite, visitor: Visitor) -> None:
    post = site.publish("Heron")
    first = visitor.get(TODAY_PATH)
    again = visitor.get(TODAY_PATH, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    site.change(post, title="Stork")
    changed = visitor.get(TODAY_PATH, headers={"if-none-match": first.headers["etag"]})

    assert changed.status_code == 200
    assert "Stork" in changed.text


def test_pages_are_small(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", body="One quiet cell rests. " * 100)
    page = visitor.get(TODAY_PATH)

    assert len(page.content) + len(visitor.get("/site.css").content) < 100_000
    assert page.headers["content-encoding"] == "gzip"


def test_too_many_searches_are_refused_and_pages_are_not(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron")
    answers = [visitor.get("/search?q=heron") for _number in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]

    assert refused
    assert answers[0].status_code == 200
    assert refused[-1].headers["retry-after"]
    assert "Too many searches" in refused[-1].text
    assert visitor.get(TODAY_PATH).status_code == 200


# --- what an outlet changes ------------------------------------------------------------------


def test_an_outlets_own_files_stand_for_ours(site: PublicSite, visitor: Visitor) -> None:
    own = site.desk.config.parent / "site"
    own.mkdir()
    (own / "site.css").write_text("body { color: teal }", encoding="utf-8")
    (own / "about.md").write_text("We *look* closely.\n\n<script>x</script>", encoding="utf-8")
    (own / "empty.html").write_text(
        '{% extends "base.html" %}{% block content %}Soon at {{ outlet.name }}{% endblock %}', encoding="utf-8"
    )

    assert visitor.get("/site.css").text == "body { color: teal }"
    assert "We <em>look</em> closely." in visitor.get("/about").text
    assert "<script>x" not in visitor.get("/about").text
    assert "Soon at Cells Daily" in visitor.get("/").text


def test_a_mistake_in_an_own_template_is_logged_and_not_shown(site: PublicSite, visitor: Visitor) -> None:
    own = site.desk.config.parent / "site"
    own.mkdir()
    (own / "empty.html").write_text("{% if %}", encoding="utf-8")
    answer = visitor.get("/")

    assert answer.status_code == 503
    assert "empty.html" not in answer.text


MISTAKES = {
    b"{% if %}": r"about\.html, line 1: .*; mend the template there, or remove it to show ours",
    b"{{ outlet.name }}\n\n{{ 1 // 0 }}": r"about\.html, line 3: ",
    b"\n{{ nobody.knows }}": r"about\.html, line 2: 'nobody' is undefined",
    b'{% extends "about.html" %}': r"about\.html, line 1: it uses itself without end",
    b'{% include "nothing.html" %}': r"about\.html, line 1: ",
    b"{{ ''.__class__ }}": r"about\.html, line 1: ",
    b"\xff\xfe": r"about\.html is no text in UTF-8; save it so, or remove it to show ours",
}


@pytest.mark.parametrize("content", MISTAKES)
def test_a_mistake_in_an_own_file_is_one_sentence(site: PublicSite, visitor: Visitor, content: bytes) -> None:
    own = site.desk.config.parent / "site"
    own.mkdir()
    (own / "about.html").write_bytes(content)

    assert visitor.get("/about").status_code == 503
    with pytest.raises(SiteTemplateError, match=MISTAKES[content]) as caught:
        SiteExport(site.desk, own.parent / "public").write(with_pictures=False)
    assert str(caught.value).startswith(str(own))
    assert "\n" not in str(caught.value)
    (own / "about.html").unlink()
    assert visitor.get("/").status_code == 200


def test_own_parts_that_ours_miss_are_told(site: PublicSite, visitor: Visitor) -> None:
    own = site.desk.config.parent / "site"
    own.mkdir()
    (own / "parts.html").write_text("", encoding="utf-8")
    assert visitor.get("/about").status_code == 503
    with pytest.raises(SiteTemplateError, match=r"the templates in .* don't fit to ours: .*parts\.html"):
        SiteExport(site.desk, own.parent / "public").write(with_pictures=False)


def test_an_own_file_that_is_too_large_is_told(site: PublicSite, visitor: Visitor) -> None:
    own = site.desk.config.parent / "site"
    own.mkdir()
    with (own / "site.css").open("wb") as file:
        file.truncate(100 << 20)

    assert visitor.get("/site.css").status_code == 503
    with pytest.raises(SiteTemplateError, match=r"site\.css can't be read: it is larger than"):
        SiteExport(site.desk, own.parent / "public").write(with_pictures=False)


def test_a_picture_without_a_size_of_its_own_is_not_enlarged(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron")
    page = visitor.get(TODAY_PATH).text

    assert 'width="1200" height="900"' in page
    assert re.findall(r"[.]webp (\d+)w", page) == ["480", "960", "1200"]


def test_the_alt_text_is_the_translators(site: PublicSite, visitor: Visitor) -> None:
    post = site.publish("Heron", translations={"ca": {"title": "Ocell", "alt_texts": ["Un ocell gris"]}})
    with site.writing() as session:
        session.execute(update(PostImage).where(PostImage.post_id == post).values(alt_text="A grey bird"))

    assert 'alt="Un ocell gris"' in visitor.get(f"/ca{TODAY_PATH}").text


# --- who serves it ---------------------------------------------------------------------------


def test_a_process_of_its_own_serves_the_site_alone(site: PublicSite) -> None:
    site.publish("Heron")
    service = Service(site.desk, ("site",))
    service.start()
    try:
        assert service.url is None
        assert requests.get(f"{service.site_url}{TODAY_PATH}", timeout=TIMEOUT).status_code == 200
    finally:
        service.stop()


def test_a_site_that_is_off_has_no_role(site: PublicSite) -> None:
    text = site.desk.config.read_text(encoding="utf-8")
    site.desk.config.write_text(text.replace("enabled = true", "enabled = false"), encoding="utf-8")

    assert own_roles(site.desk.settings, ROLES) == ("scheduler", "worker", "web")
    with pytest.raises(SettingsError, match=r"set site\.enabled to true"):
        own_roles(site.desk.settings, ("site",))
