"""Tests that pictures from before their values were stored stay, and count as not examined yet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text

from publisher.core.colour_channels import ColourChannel
from publisher.core.value_range import FULL_RANGE, ValueFacts
from publisher.db import upgrade
from publisher.db.models import Media
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database
from publisher.posts.picture_values import UNKNOWN

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
CHANNEL = ColourChannel("DAPI", "#0000ff", 0, 0, ValueFacts(minimum=-1.5, maximum=2, low=0, high=1, kind="float32"))
FACTS = ValueFacts(minimum=0, maximum=4095, low=3, high=4000)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


def test_pictures_from_before_are_to_be_examined(url: str, tmp_path: Path) -> None:
    engine = create_database_engine(url)
    config = upgrade._config()
    statement = text(
        "INSERT INTO media (sha256, file_name, format, width, height, bits, frames, bytes, gutters, warnings, "
        "created_at) VALUES (:sha, 'a.tif', 'tiff', 900, 900, :bits, 1, 9, '[]', '[]', :at)"
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")
        for number, bits in enumerate((8, 16, 16)):
            connection.execute(statement, {"sha": str(number) * 64, "bits": bits, "at": NOW})
    engine.dispose()
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.writing() as session:
        assert {media.values for media in session.scalars(select(Media))} == {None}
        assert {media.colour_channels for media in session.scalars(select(Media))} == {()}
        session.get_one(Media, "1" * 64).value_facts = FACTS.to_json()
    with database.writing() as session:
        assert session.get_one(Media, "1" * 64).values == FACTS
        session.get_one(Media, "0" * 64).channel_facts = [CHANNEL.to_json()]
    with database.reading() as session:
        assert session.get_one(Media, "0" * 64).colour_channels == (CHANNEL,)
        assert session.scalars(select(Media.sha256).where(*UNKNOWN)).all() == ["2" * 64]
        assert FACTS.full == FULL_RANGE
    database.close()
