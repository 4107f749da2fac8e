"""Tests the pages of imports: what a source would make, what it made, and that it is taken back only when asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from publisher.db.models import Post
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of
from tests.hostile_web import LocalWeb, answer, open_web
from tests.waiting import wait_until

ENTRY = """\
<entry><id>tag:old.test,2019:{number}</id><title>Picture {number}</title><published>{date}</published>
<link href="http://old.test/{number}"/><content type="html">&lt;p&gt;Text {number}.&lt;/p&gt;</content></entry>"""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWeb]:
    monkeypatch.setattr("publisher.intake.web_fetching.WebFetcher._pause", lambda *_arguments: None)
    with open_web(monkeypatch) as opened:
        opened.put("old.test/feed", feed(3), "application/atom+xml")
        yield opened


@pytest.fixture
def site(write_desk: WriteDesk, tmp_path: Path) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        file = opened.desk.config.parent / "sources.toml"
        file.write_text('[old]\naddress = "http://old.test/feed"\n[saved]\nlanguage = "ca"\n', encoding="utf-8")
        yield opened


def feed(number: int) -> str:
    entries = "".join(ENTRY.format(number=entry, date=f"2019-06-0{entry}T10:00:00Z") for entry in range(1, number + 1))
    bad = ENTRY.format(number=9, date="")
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Old</title>{entries}{bad}</feed>'


def finished(client: Client) -> str:
    """Returns the text of the progress page when its job is finished."""
    pages = [client.get("/imports/progress")]

    def is_finished() -> bool:
        pages.append(client.get("/imports/progress"))
        return "data-running" not in pages[-1].text

    wait_until(is_finished, "the import")
    return text_of(pages[-1])


def test_the_way_of_an_import(site: Site, web: LocalWeb) -> None:
    client = site.client("admin")
    listed = client.get("/imports").text
    assert 'value="old"' in listed
    assert 'value="saved"' not in listed
    client.send_form("/imports", {"source": "old", "act": "preview"})
    preview = finished(client)
    assert "would be made: 3" in preview
    assert "wrong: 1" in preview
    assert "It has no date; say on which day it was published" in preview
    assert preview.index("It has no date") < preview.index("Picture 2")
    assert "Nothing was written." in preview
    assert posts(site) == []
    client.send_form("/imports", {"source": "old", "act": "import"})
    assert "made: 3" in finished(client)
    assert posts(site) == ["Picture 1", "Picture 2", "Picture 3"]
    shown = text_of(client.get("/imports/1"))
    assert re.search(r"Picture 2 ?, (Sunday )?2 June 2019", shown)
    refused = client.send_form("/imports/1/undo")
    assert refused.status_code == 422
    assert "Nothing was taken back" in refused.text
    client.send_form("/imports/1/undo", {"sure": "yes"})
    assert "removed: 3" in finished(client)
    assert posts(site) == []
    assert "taken back" in text_of(client.get("/imports"))
    again = client.send_form("/imports/1/undo", {"sure": "yes"})
    assert (again.status_code, "was taken back already" in again.text) == (422, True)


def posts(site: Site) -> list[str]:
    with site.desk.database.reading() as session:
        return [post.title for post in session.query(Post).order_by(Post.id)]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"address": "file:///etc/passwd"}, "begins with https://"),
        ({"address": "/etc/passwd"}, "begins with https://"),
        ({"source": "saved"}, "no source saved with an address"),
        ({}, "Choose a source"),
    ],
)
def test_what_a_page_cannot_import_is_told(site: Site, web: LocalWeb, form: dict[str, str], text: str) -> None:
    refused = site.client("admin").send_form("/imports", {**form, "act": "import"})
    assert refused.status_code == 422
    assert text in text_of(refused)
    assert web.requests == []


def test_an_address_that_is_refused_is_told_on_the_page(site: Site, web: LocalWeb) -> None:
    client = site.client("admin")
    client.send_form("/imports", {"address": "http://169.254.169.254/latest", "act": "preview"})
    assert "no public address" in finished(client)


def test_one_import_runs_at_a_time_and_can_be_stopped(site: Site, web: LocalWeb) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(60)
        answer(200, feed(3).encode(), content_type="application/atom+xml")(handler)

    web.answers["old.test/feed"] = hold
    client = site.client("admin")
    client.send_form("/imports", {"source": "old", "act": "import"})
    assert asked.wait(60)
    part = client.get("/imports/progress?part=1").text
    assert ("data-running" in part, "<html" in part) == (True, False)
    second = client.send_form("/imports", {"source": "old", "act": "import"})
    assert (second.status_code, "another import runs" in second.text.lower()) == (422, True)
    client.send_form("/imports/progress/stop")
    go_on.set()
    assert "It was stopped" in finished(client)
    assert posts(site) == ["Picture 1"]
    client.send_form("/imports", {"source": "old", "act": "import"})
    finished(client)
    assert posts(site) == ["Picture 1", "Picture 2", "Picture 3"]


@pytest.mark.parametrize("role", ["contributor", "editor", "operator"])
def test_only_administrators_import(site: Site, web: LocalWeb, role: str) -> None:
    client = site.client(role)
    assert client.get("/imports").status_code == 403
    assert client.send_form("/imports", {"source": "old"}).status_code == 403
    assert client.get("/imports/progress").status_code == 403


def test_a_missing_import_is_told(site: Site) -> None:
    client = site.client("admin")
    assert client.get("/imports/77").status_code == 404
    assert client.send_form("/imports/77/undo", {"sure": "yes"}).status_code == 404
    assert "Nothing yet." in text_of(client.get("/imports/progress"))
