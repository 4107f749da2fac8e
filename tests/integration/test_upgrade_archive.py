"""Tests that a desk from before the archive keeps every row, and that backups hold the archive's tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import column, inspect, select, table, update

from publisher.backup.restore import restore
from publisher.backup.whole_backup import make_backup
from publisher.core.clock import FixedClock
from publisher.db import upgrade
from publisher.db.base import Base
from publisher.db.imports import Import, ItemChange, ItemKey, PublishedLink
from publisher.db.models import Post, PostImage
from publisher.db.post_collections import Collection, CollectionPost
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database
from publisher.desk import Desk
from publisher.posts.drafts import PostDraft
from publisher.posts.old_addresses import address_key
from publisher.posts.posts import add_post
from publisher.proving.postgres import ThrowawayPostgres
from publisher.starter import write_starter
from tests.full_desk import fill

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
BEFORE = "0025"
ALT_TEXTS = {"Two cells.": True, "IMG_2034.jpg": False, "": False, "a grey disc on a white ground": True}
Rows = Mapping[str, list[tuple[Any, ...]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


@pytest.fixture
def source(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """Opens a desk of today with rows in every table, and a post with a picture for each of the alt texts."""
    database = Database.open(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'source.db')}")
    fill(database)
    with database.writing() as session:
        media = session.scalars(select(PostImage)).one().media
        post = Post(title="Discs", position=2.0, created_at=NOW, updated_at=NOW)
        post.images = [
            PostImage(position=number, media=media, alt_text=text, choices={}) for number, text in enumerate(ALT_TEXTS)
        ]
        session.add(post)
        item = session.scalars(select(ItemKey)).one()
        for platform, address in (("tumblr", "https://x.example/2019/6/3?a=1"), ("x", "https://x.example/")):
            session.add(PublishedLink(post_id=item.post_id, item_id=item.id, platform=platform, url=address))
    yield database
    database.close()


def columns_of(url: str) -> dict[str, list[str]]:
    """Returns the columns of each of our tables, as they are in a database."""
    engine = create_database_engine(url)
    inspector = inspect(engine)
    present = set(inspector.get_table_names())
    names = {
        ours.name: [found["name"] for found in inspector.get_columns(ours.name)]
        for ours in Base.metadata.sorted_tables
        if ours.name in present
    }
    engine.dispose()
    return names


def bare(name: str, columns: list[str]) -> Any:
    """Returns a table with these columns alone, which have no defaults."""
    types = Base.metadata.tables[name].columns
    return table(name, *(column(one, types[one].type) for one in columns if one in types))


NEW_TABLES = {"collection", "collection_post", "item_change", "seen_item", "watched_source"}


def rows_of(database: Database, columns: Mapping[str, list[str]]) -> Rows:
    with database.reading() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(select(bare(name, columns[name])))), key=repr)
            for name in columns
        }


def test_a_desk_from_before_the_archive_keeps_every_row(url: str, source: Database, tmp_path: Path) -> None:
    engine, config = create_database_engine(url), upgrade._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    columns = columns_of(url)
    assert set(Base.metadata.tables) - set(columns) == NEW_TABLES
    with engine.begin() as connection:
        for name, rows in rows_of(source, columns).items():
            into = bare(name, columns[name])
            assert rows, name
            connection.execute(into.delete())
            connection.execute(into.insert(), [dict(zip(into.columns.keys(), row, strict=True)) for row in rows])
    engine.dispose()
    before = rows_of(source, columns)

    report = prepare_database(url, backups=tmp_path / "backups", now=NOW)

    assert (report.before, report.upgraded) == (BEFORE, True)
    database = Database.open(url)
    assert rows_of(database, columns) == before
    with database.reading() as session:
        marked = session.execute(select(PostImage.alt_text, PostImage.has_alt_text)).all()
        assert {text: has for text, has in marked if text in ALT_TEXTS} == ALT_TEXTS
        links = session.scalars(select(PublishedLink)).all()
        assert {link.url: link.address_key for link in links} == {link.url: address_key(link.url) for link in links}
        assert sum(link.address_key is None for link in links) == 2
        for new in (Collection, CollectionPost, ItemChange):
            assert session.scalars(select(new)).all() == []
    database.close()


def add_archive(database: Database, post: int) -> None:
    """Gives the archive's tables a row each."""
    with database.writing() as session:
        collection = Collection(name="Discs", description="Grey ones", is_public=True, created_at=NOW, created_by="ed")
        run = Import(source="s", source_key="s" * 64, actor="ed", started_at=NOW, counts={}, state="finished")
        session.add_all([collection, run])
        session.flush()
        session.add(CollectionPost(collection_id=collection.id, post_id=post, position=1))
        item = ItemKey(import_id=run.id, key="k" * 64, digest="d" * 64, post_id=post, made_post=False, post_version=1)
        session.add(item)
        session.flush()
        change = {"digest": "e" * 64, "version_before": 1, "version_after": 1, "links": {"site": "https://x.example/a"}}
        session.add(ItemChange(import_id=run.id, item_id=item.id, published_on=NOW.date(), **change))
        link = {"platform": "site", "url": "https://x.example/b", "address_key": address_key("https://x.example/b")}
        session.add(PublishedLink(post_id=post, item_id=item.id, **link))
        session.execute(update(Post).where(Post.id == post).values(published_elsewhere_on=NOW.date()))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_brings_the_archive_back(
    kind: str, postgres: ThrowawayPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_sqlite, target = kind == "sqlite", None
    if not is_sqlite:
        monkeypatch.setenv("PATH", str(postgres.programs), prepend=":")
        monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", postgres.create_database())
        target = postgres.create_database()
    write_starter(tmp_path / "desk")
    desk = Desk(tmp_path / "desk" / "config" / "publisher.toml", FixedClock(NOW))
    post = add_post(desk.database, desk.store, PostDraft(title="A disc"), NOW).id
    add_archive(desk.database, post)
    names = ("collection", "collection_post", "import_run", "item_key", "item_change", "published_link", "post")
    columns = {name: list(Base.metadata.tables[name].columns.keys()) for name in names}
    before = rows_of(desk.database, columns)
    (tmp_path / "kept").mkdir()
    backup = make_backup(desk.settings, tmp_path / "kept", NOW)
    desk.database.close()

    report = restore(backup.path, tmp_path / "restored", NOW, *([target] if target else []))

    if target:
        monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", target)
    restored = Desk(report.config, FixedClock(NOW))
    assert rows_of(restored.database, columns) == before
    assert all(before.values())
    restored.database.close()
