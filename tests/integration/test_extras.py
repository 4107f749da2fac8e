"""Tests that an installation without the extras works, and says what it lacks where somebody asks for more."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from publisher.core.extras import MODULES, Extra
from tests.conftest import WriteDesk
from tests.waiting import TIMEOUT

ROOT = Path(__file__).parents[2]
RUN = "from publisher.cli.main import main; main()"


def run_without(
    extras: Iterable[Extra], script: str, *arguments: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process that finds no module of these extras, nor do the processes that it starts."""
    missing = [module for extra in extras for module in MODULES[extra]]
    site = folder / "site"
    site.mkdir(exist_ok=True)
    code = f"import sys\nsys.modules.update(dict.fromkeys({missing!r}))\n"
    (site / "sitecustomize.py").write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))), **variables},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_each_package_of_an_extra_is_known_by_a_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    distributions = packages_distributions()
    for extra, modules in MODULES.items():
        known = {name.lower() for module in modules for name in distributions[module]}
        for line in project["optional-dependencies"][extra]:
            assert any(line.startswith(name) for name in known), line
    assert {"dev", *MODULES} == set(project["optional-dependencies"])


@pytest.mark.parametrize("command", ["queue", "doctor"])
def test_a_desk_on_sqlite_needs_no_extra(tmp_path: Path, write_desk: WriteDesk, command: str) -> None:
    config = str(write_desk(tmp_path))
    complete = run_without((), RUN, "--config", config, command, folder=tmp_path)
    bare = run_without(Extra, RUN, "--config", config, command, folder=tmp_path)
    assert (bare.returncode, bare.stderr) == (complete.returncode, complete.stderr)
    assert len(bare.stdout.splitlines()) == len(complete.stdout.splitlines()) > 0


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        (Extra.SANDBOX, ("demo", "--once")),
        (Extra.SANDBOX, ("prove", "--days", "1")),
        (Extra.SANDBOX, ("sandbox",)),
        (Extra.POSTGRESQL, ("prove", "--days", "1", "--on", "postgresql")),
    ],
)
def test_what_is_not_installed_is_named_in_one_sentence(
    tmp_path: Path, extra: Extra, arguments: tuple[str, ...]
) -> None:
    ended = run_without([extra], RUN, *arguments, folder=tmp_path)
    assert ended.returncode == 1
    sentence = ended.stderr.splitlines()[-1]
    assert sentence.endswith(f"needs packages that are not installed here. Run: pip install 'publisher[{extra}]'")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("extra", "setting", "value", "command"),
    [
        (Extra.POSTGRESQL, "DATABASE", "postgresql+psycopg://nobody@127.0.0.1/none", ("queue",)),
        (Extra.S3, "MEDIA", "s3://pictures?endpoint=https://storage.example", ("doctor",)),
    ],
)
def test_a_setting_that_needs_an_extra_is_told(
    tmp_path: Path, write_desk: WriteDesk, extra: Extra, setting: str, value: str, command: tuple[str, ...]
) -> None:
    config, variables = str(write_desk(tmp_path)), {f"PUBLISHER__STORAGE__{setting}": value}
    ended = run_without([extra], RUN, "--config", config, *command, folder=tmp_path, **variables)
    assert ended.returncode == 1
    sentence = f"needs packages that are not installed here. Run: pip install 'publisher[{extra}]'"
    assert [line for line in (*ended.stdout.splitlines(), *ended.stderr.splitlines()) if line.endswith(sentence)]
    assert "Traceback" not in ended.stderr


def test_a_proof_on_sqlite_imports_nothing_of_postgresql(tmp_path: Path) -> None:
    script = "import publisher.proving.proof, publisher.proving.process, publisher.cli.prove"
    ended = run_without([Extra.POSTGRESQL, Extra.S3], script, folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
