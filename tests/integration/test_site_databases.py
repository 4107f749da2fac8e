"""Tests that the site reads the same from PostgreSQL as from SQLite: pages, searches, feeds and an export."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from publisher.site.export import SiteExport
from tests.conftest import WriteDesk
from tests.public_site import NOW, TODAY, PublicSite, open_public_site

FIRST_DAY = date(2022, 2, 12)
ADDRESSES = (
    "/",
    "/ca",
    "/archive/2026/5/12",
    "/ca/archive/2026/5/12",
    "/archive/2026/5/11",
    "/archive/2026/5/10",
    "/archive/2022/2/12",
    "/archive",
    "/archive/2026",
    "/archive/2022/2",
    "/tags/cell-biology",
    "/people/sophie-arthur",
    "/links",
    "/feed.xml",
    "/ca/feed.xml",
    "/sitemap.xml",
    "/search?q=heron",
    "/search?q=cèl·lules",
    "/search?q=quiet+herons",
    "/search?q=wr",
    "/search?q='+OR+%25%5F--",
    "/search?q=%00",
    "/stork.html",
    "/stork.html?a=1",
    "/gone.html",
    "/no%00where",
    "/oembed?url=https://cells.example.org/archive/2026/5/12",
)


def fill(site: PublicSite) -> None:
    """Stores a post of every kind that decides what is public."""
    translations = {"ca": {"title": "Bernat", "body": "Cèl·lules.", "alt_texts": ["Ocell"]}}
    site.publish("Heron", translations=translations)
    changed = site.publish("Wren", TODAY - timedelta(days=1))
    withdrawn = site.publish("Owl", TODAY - timedelta(days=2))
    site.publish("Egret", TODAY - timedelta(days=3), embargo_until=NOW + timedelta(hours=1))
    site.import_post("Stork", FIRST_DAY, link="https://old.example/stork.html")
    gone = site.import_post("Crane", FIRST_DAY + timedelta(days=1), link="https://old.example/gone.html")
    site.draft("Heron in the queue")
    site.change(changed, title="Heron that nobody has approved", state="draft", approved_at=None)
    for post in (withdrawn, gone):
        site.change(post, state="withdrawn", approved_at=None)


def answers(site: PublicSite) -> dict[str, tuple[int, str]]:
    with site.visit() as visitor:
        read = {address: visitor.get(address) for address in ADDRESSES}
    return {address: (answer.status_code, answer.text) for address, answer in read.items()}


def exported(site: PublicSite, folder: Path) -> dict[str, bytes]:
    SiteExport(site.desk, folder).write(with_pictures=False)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_both_databases_show_the_same_site(
    tmp_path: Path, write_desk: WriteDesk, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, files = {}, {}
    for name in ("sqlite", "postgresql"):
        if name == "postgresql":
            monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", postgres_url)
        site = open_public_site(write_desk(tmp_path / name))
        assert site.desk.database.engine.dialect.name == name
        fill(site)
        shown[name] = answers(site)
        files[name] = exported(site, tmp_path / f"{name}-public")
        site.desk.database.close()

    assert shown["postgresql"] == shown["sqlite"]
    assert files["postgresql"] == files["sqlite"]
    assert {address: status for address, (status, _text) in shown["sqlite"].items() if status != 200} == {
        "/archive/2026/5/10": 410,
        "/stork.html": 301,
        "/stork.html?a=1": 301,
        "/gone.html": 410,
        "/no%00where": 404,
    }
    found = shown["sqlite"]["/search?q=heron"][1]
    assert len(re.findall('class="card"', found)) == 1
