"""Tests that a post's texts and lists are limited, on whatever way it comes in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from publisher.core import post_limits
from publisher.db.models import Post
from publisher.intake.post_files import read_post_file
from publisher.posts.drafts import PostChanges, PostDraft, check_input
from publisher.posts.errors import PostError
from publisher.posts.posts import add_post
from publisher.posts.versions import content_of
from tests.api_client import Program, token_of
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site

TOO_MUCH: list[tuple[dict[str, Any], str, str]] = [
    ({"title": "a" * 501}, "title", "has 501 characters, and may have 500 at most"),
    ({"body": "a" * 20_001}, "body", "has 20,001 characters"),
    ({"credit": "." * 25_000}, "credit", "has 25,000 characters, and may have 4,000 at most"),
    ({"standfirst": "a" * 2_001}, "standfirst", "may have 2,000"),
    ({"link": f"https://example.org/{'a' * 2_000}"}, "link", "may have 2,000"),
    ({"tags": ["tag"] * 200_000}, "tags", "100 are possible"),
    ({"tags": ["tag"] * 2_000}, "tags", "100 are possible"),
    ({"tags": ["a" * 151]}, "tags.0", "may have 150"),
    ({"captions": {f"c{number}": "a" for number in range(20_000)}}, "captions", "100 are possible"),
    ({"captions": {"x": "a" * 20_001}}, "captions.x", "may have 20,000"),
    ({"links": [{"label": "a", "url": "https://a"}] * 51}, "links", "50 are possible"),
    ({"images": [{"media": "0" * 64}] * 31}, "images", "30 are possible"),
    ({"images": [{"media": "0" * 64, "alt_text": "a" * 5_001}]}, "images.0.alt_text", "may have 5,000"),
    ({"translations": {"ca": {"title": "a" * 501}}}, "translations.ca.title", "may have 500"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def program(site: Site) -> Iterator[Program]:
    with Program(site.url, token_of(site, site.person("admin"))) as new_program:
        yield new_program


@pytest.mark.parametrize(("values", "field", "limit"), TOO_MUCH)
@pytest.mark.parametrize("kind", [PostDraft, PostChanges])
def test_too_much_is_refused_with_its_field_and_the_limit(
    kind: Any, values: dict[str, Any], field: str, limit: str
) -> None:
    with pytest.raises(PostError) as refused:
        check_input(kind, {"title": "Cells", **values})
    named = field.replace("images.0.", "picture 1, ").replace("tags.0", "tags, entry 1")
    assert str(refused.value).startswith(f"{named}: ")
    assert limit in str(refused.value)


@pytest.mark.parametrize(("values", "field", "limit"), TOO_MUCH)
def test_the_api_refuses_it(program: Program, values: dict[str, Any], field: str, limit: str) -> None:
    answer = program.post("/posts", json={"title": "Cells", **values}, headers={"Idempotency-Key": "k" * 20})
    if len(values.get("tags", ())) > 100_000:
        assert answer.status_code == 413
        return
    assert answer.status_code == 422
    wrong = answer.json()["errors"][0]
    assert wrong["pointer"].startswith(f"#/{field.replace('.', '/')}")
    assert limit in wrong["detail"]
    assert len(answer.content) < 50_000


def test_a_post_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f'+++\ntitle = "{"a" * 501}"\n+++\n', encoding="utf-8")
    with pytest.raises(PostError, match=r"a\.md:2: title: this has 501 characters, and may have 500 at most; shorten"):
        read_post_file(tmp_path / "a.md")


def test_what_was_stored_before_the_limits_can_be_read(site: Site) -> None:
    now = site.desk.now()
    added = add_post(site.desk.database, site.desk.store, PostDraft(title="Old"), now, "first@example.org")
    with site.desk.database.writing() as session:
        post = session.get_one(Post, added.id)
        post.title, post.tags = "a" * 100_000, ["tag"] * 1_000
        assert len(content_of(post).title) == 100_000


def test_a_huge_form_is_refused_and_a_long_field_is_marked(site: Site) -> None:
    client = site.client("editor")
    fields = {"title": "a" * 501, "language": "en", "place": "queue"}
    page = client.send_form("/posts", fields)
    assert page.status_code == 422
    assert "This has 501 characters, and may have 500 at most; shorten it." in page.text
    long = {f"tr-l{number}-title": "a" * (post_limits.FORM_BYTES // 8) for number in range(9)}
    many = {f"tr-l{number}-title": "a" for number in range(5_000)}
    for path in ("/posts", "/preview"):
        page = client.send_form(path, {**fields, **long})
        assert page.status_code == 400
        assert "1,048,576 are possible at most; nothing was saved" in page.text
        assert client.send_form(path, {**fields, **many}).status_code == 400
