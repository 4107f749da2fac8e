"""Tests that modules import only what they may, and that a process loads nothing large before it needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from publisher.db import revisions
from publisher.db.models import Pick, Post
from publisher.desk import Desk
from publisher.lifecycle import NewDelivery, open_delivery
from publisher.starter import write_starter
from tests.fakes import adapted_post

ROOT = Path(__file__).parents[2]
NOT_YET = ("alembic", "boto3", "cryptography", "instagrapi", "procrastinate", "psycopg", "pytumblr", "pyvips", "tweepy")
NEVER = (
    *NOT_YET,
    "PIL",
    "apprise",
    "apscheduler",
    "argon2",
    "fastapi",
    "icalendar",
    "numpy",
    "prometheus_client",
    "httpx",
    "requests",
    "sqlalchemy.dialects.postgresql",
    "structlog",
    "twitter_text",
    "uvicorn",
    "yaml",
    "zxcvbn",
)
"""What no command needs that only looks at the desk's own rows, or changes them."""
ADAPTING = ("jinja2", "publisher.adapt.posts", "publisher.posts", "regex")
"""What only a command needs that makes the texts of channels, or asks what is wrong with posts."""
DELIVERING = (
    "publisher.delivery.claim",
    "publisher.delivery.corrections",
    "publisher.delivery.operate",
    "publisher.delivery.outcomes",
    "publisher.delivery.quotas",
    "publisher.lifecycle",
    "publisher.platforms.base",
)
"""What only a worker needs, and who changes a delivery."""
NO_POSTS = tuple(name for name in ADAPTING if name != "publisher.posts")
UNUSED = {
    "queue": NEVER,
    "show 1": NEVER,
    "deliveries": (*NEVER, *NO_POSTS, *DELIVERING),
    "log 1": (*NEVER, *NO_POSTS, *DELIVERING),
    "log 1 --json": (*NEVER, *NO_POSTS, *DELIVERING, "rich"),
    "pause x moved": (*NEVER, *NO_POSTS, "rich"),
    "resume x": (*NEVER, *NO_POSTS, "rich"),
    "cancel 1": (*NEVER, *NO_POSTS, "rich"),
    "--help": (*NEVER, *ADAPTING, "rich", "pydantic", "sqlalchemy"),
}
RUN = """
import json, sys
from publisher.cli.main import cli
code = cli.main(json.loads(sys.argv[1]), standalone_mode=False)
assert not code, code
print("", json.dumps(sorted(sys.modules)), sep="\\n")
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes the configuration of a new desk with one delivery and, in its queue, one post under a usual licence."""
    folder = tmp_path_factory.mktemp("desk")
    write_starter(folder)
    desk = Desk(folder / "config" / "publisher.toml")
    now = datetime.now(UTC)
    with desk.database.writing() as session:
        post = Post(state="withdrawn", position=1.0, title="A quiet cell", created_at=now, updated_at=now)
        pick = Pick(slot=now.date(), post=post, reason="queue", picked_at=now)
        queued = Post(
            state="approved",
            approved_at=now,
            position=2.0,
            title="A cell that waits",
            credit="Image by J. Doe",
            licence="CC BY 4.0",
            created_at=now,
            updated_at=now,
        )
        session.add_all([post, pick, queued])
        due = now + timedelta(days=1)
        open_delivery(
            session, NewDelivery(pick=pick, channel="x", adapted=adapted_post(), due_at=due, expires_at=due), now=now
        )
    desk.database.close()
    return desk.config


def loaded_by(config: Path, *arguments: str) -> list[str]:
    """Lists the modules that a process has loaded when it has carried out a command."""
    result = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(["--config", str(config), *arguments])],
        cwd=config.parents[1],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules: list[str] = json.loads(result.stdout.splitlines()[-1])
    return modules


@pytest.mark.parametrize("command", UNUSED)
def test_a_command_loads_only_what_it_uses(config: Path, command: str) -> None:
    modules = loaded_by(config, *command.split())
    assert "publisher.cli.main" in modules
    assert [name for name in UNUSED[command] if name in modules] == []


@pytest.mark.parametrize("module", ["publisher.cli.run", "publisher.web.app"])
def test_nothing_large_is_loaded_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {NOT_YET} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_the_process_that_opens_pictures_loads_no_part_of_the_desk() -> None:
    unused = ("click", "numpy", "pydantic", "publisher.core.content", "publisher.settings", "regex", "sqlalchemy")
    code = f"import sys, publisher.adapt.images.process.warm; print([n for n in {unused} if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_the_names_of_the_migrations_contain_their_revisions() -> None:
    scripts = ScriptDirectory(str(revisions.MIGRATIONS))
    assert revisions.known_revisions() == sorted(script.revision for script in scripts.walk_revisions())
    assert revisions.known_revisions()[-1] == scripts.get_current_head()
