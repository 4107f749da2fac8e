"""Checks what imports what, and that nothing large is loaded before a desk needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from alembic.script import ScriptDirectory

from publisher.db import upgrade
from publisher.platforms.profiles import platform_names

NOT_YET = ("alembic", "boto3", "cryptography", "instagrapi", "procrastinate", "psycopg", "pytumblr", "pyvips", "tweepy")


@pytest.mark.parametrize("module", ["publisher.cli.run", "publisher.web.app"])
def test_nothing_large_is_loaded_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {NOT_YET} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


def test_the_names_of_the_migrations_tell_their_revisions() -> None:
    scripts = ScriptDirectory(str(upgrade.MIGRATIONS))
    assert upgrade.known_revisions() == sorted(script.revision for script in scripts.walk_revisions())
    assert upgrade.known_revisions()[-1] == scripts.get_current_head()


def test_no_platform_imports_another_platform() -> None:
    graph = grimp.build_graph("publisher", include_external_packages=False)
    packages = {f"publisher.platforms.{name}" for name in platform_names()}
    assert len(packages) > 1
    assert packages <= graph.modules
    for package in packages:
        for module in {package} | graph.find_descendants(package):
            imported = {".".join(name.split(".")[:3]) for name in graph.find_modules_directly_imported_by(module)}
            assert not imported & (packages - {package}), module
