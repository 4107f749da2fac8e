"""Tests that crops from before channels had their own still hold for every channel after the migration."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from publisher.core.content import Box, ImageChoices
from publisher.db import upgrade
from publisher.db.models import PostImage
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database
from publisher.posts.versions import load_version

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
BOX = {"left": 0.1, "top": 0.2, "width": 0.5, "height": 0.5}
FORMER = {
    "fit": None, "focal_point": [0.2, 0.4], "crop_box": BOX, "protected": [], "gutters": None, "padding": "edge",
    "window": None, "credit_strip": False,
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


def test_a_crop_from_before_holds_for_every_channel(url: str, tmp_path: Path) -> None:
    engine = create_database_engine(url)
    config = upgrade._config()
    picture = {"media": "ab" * 32, "alt_text": "Cells", "choices": FORMER}
    values = {
        "at": NOW, "sha": "ab" * 32, "choices": json.dumps(FORMER), "no": False,
        "content": json.dumps({"title": "Cells", "images": [picture]}),
    }  # fmt: skip
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0015")
        for statement in (
            "INSERT INTO media (sha256, file_name, format, width, height, bits, frames, bytes, gutters, warnings, "
            "created_at) VALUES (:sha, 'a.png', 'png', 9, 9, 8, 1, 9, '[]', '[]', :at)",
            "INSERT INTO post (id, state, version, position, reserve, title, standfirst, body, written_by, credit, "
            "licence, link, links, tags, language, captions, translations, created_at, updated_at) VALUES (1, 'draft', "
            "1, 1.0, :no, 'Cells', '', '', '', '', '', '', '[]', '[]', 'en', '{}', '{}', :at, :at)",
            "INSERT INTO post_image (id, post_id, position, media_sha256, alt_text, credit, licence, choices) "
            "VALUES (1, 1, 0, :sha, 'Cells', '', '', :choices)",
            "INSERT INTO post_version (post_id, version, at, actor, content) VALUES (1, 1, :at, 'ada', :content)",
        ):
            connection.execute(text(statement), values)
    engine.dispose()
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.reading() as session:
        choices = session.get_one(PostImage, 1).choices
        version = load_version(session, 1, 1).images[0].choices
    database.close()
    assert choices == {**FORMER, "channels": {}}
    assert version == ImageChoices.model_validate(choices)
    for channel in ("instagram", "x"):
        assert version.for_channel(channel).crop_box == Box.model_validate(BOX)
