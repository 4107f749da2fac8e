"""Tests that programs and commands make, list and revoke preview links."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.posts.drafts import PostDraft
from publisher.posts.posts import add_post
from publisher.staff.api_tokens import new_api_token
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PUBLISHER__NOTIFY__LINK", "https://desk.example.org/")
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        add_post(opened.desk.database, opened.desk.store, PostDraft(title="A quiet cell"), opened.desk.now(), "ada")
        yield opened


def run(site: Site, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "share", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_program_makes_lists_and_revokes_a_link(site: Site) -> None:
    person = site.person("editor")
    now = site.desk.now()
    reader, writer = (
        {"Authorization": f"Bearer {new_api_token(site.desk.database, person, 'bot', [scope], days=7, now=now)}"}
        for scope in ("read", "write")
    )
    address = f"{site.url}/api/v1/posts/1/preview-links"
    assert requests.post(address, json={"name": "Dr Roca"}, headers=reader).status_code == 403
    made = requests.post(address, json={"name": "Dr Roca", "days": 7}, headers=writer)
    assert made.status_code == 201
    assert made.json()["url"].startswith(f"{site.url}/shared/")
    assert "A quiet cell" in site.client().get(made.json()["url"]).text
    listed = requests.get(address, headers=writer).json()["items"]
    assert [(link["name"], link["made_by"]) for link in listed] == [("Dr Roca", "editor@example.org")]
    assert "url" not in listed[0]
    assert requests.post(f"{address}/1/revocation", headers=writer).json()["revoked_at"]
    assert site.client().get(made.json()["url"]).status_code == 404
    assert requests.post(f"{address}/9/revocation", headers=writer).status_code == 404
    assert requests.post(address, json={"name": "Dr Roca", "days": 8}, headers=writer).status_code == 409


def test_a_command_makes_lists_and_revokes_a_link(site: Site) -> None:
    made = json.loads(run(site, "make", "1", "--for", "Dr Roca", "--json"))
    path = made["url"].removeprefix("https://desk.example.org")
    assert site.client().get(path).status_code == 200
    assert run(site, "make", "1", "--for", "Dr Lind", "--days", "90").startswith("https://desk.example.org/shared/")
    assert [link["name"] for link in json.loads(run(site, "list", "1", "--json"))] == ["Dr Lind", "Dr Roca"]
    assert "Dr Roca" in run(site, "list", "1")
    run(site, "revoke", "1", str(made["id"]))
    assert site.client().get(path).status_code == 404
