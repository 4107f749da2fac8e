"""Tests that every field has a limit: in the API, in forms and on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import ValidationError
from sqlalchemy import select
from starlette.routing import Route

from publisher.cli.errors import describe_error
from publisher.cli.main import cli
from publisher.core import post_limits
from publisher.core.post_limits import MAX_ROW_NUMBER
from publisher.db.models import Post
from publisher.db.operations import Channel
from publisher.db.staff import ApiToken, Comment
from publisher.delivery import operate
from publisher.desk import Desk
from publisher.posts.drafts import PostDraft
from publisher.posts.errors import PostError
from publisher.posts.posts import add_post
from publisher.schedule.post_queue import PostQueue
from publisher.settings.sections import OutletSettings
from publisher.staff import accounts
from publisher.staff.accounts import AccountError
from publisher.staff.api_tokens import new_api_token
from publisher.web.api.app import create_api
from publisher.web.pages import ROUTERS
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of

Schema = dict[str, Any]
WITHOUT_LENGTH = ("date", "date-time", "binary")
STEERING = "\x1b[2J\u202e\x00\x9b"


def described_pages() -> Schema:
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return get_openapi(title="pages", version="1", routes=app.routes)


def unbounded_fields(document: Schema) -> Iterator[str]:
    """Yields every parameter and field that takes any length, any number of items or any number."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                # The server bounds headers and addresses; what numbers in addresses do is tried below.
                if parameter["in"] == "query":
                    yield from unbounded(document, parameter["schema"], f"{method} {path} {parameter['name']}")
            for body in operation.get("requestBody", {}).get("content", {}).values():
                yield from unbounded(document, body["schema"], f"{method} {path}")


def unbounded(document: Schema, schema: Schema, name: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    alternatives = [part for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, ())]
    if "const" in schema or "enum" in schema:
        return
    if not alternatives and not is_bounded(schema):
        yield name
    inner = [*alternatives, *schema.get("prefixItems", ()), schema.get("items"), schema.get("additionalProperties")]
    for part in [*inner, *schema.get("patternProperties", {}).values()]:
        if isinstance(part, dict):
            yield from unbounded(document, part, name)
    for field, part in schema.get("properties", {}).items():
        yield from unbounded(document, part, f"{name} {field}")


def is_bounded(schema: Schema) -> bool:
    match schema.get("type"):
        case "string":
            fixed = re.fullmatch(r"\^[^*+]*\$", schema.get("pattern", ""))
            return "maxLength" in schema or schema.get("format") in WITHOUT_LENGTH or fixed is not None
        case "array":
            return "maxItems" in schema
        case "integer" | "number":
            return bool({"maximum", "exclusiveMaximum"} & schema.keys())
        case "object":
            is_open = schema.get("additionalProperties") or schema.get("patternProperties")
            return "maxProperties" in schema or not is_open
    return schema.get("type") in ("boolean", "null")


def test_every_field_of_the_api_has_a_bound() -> None:
    assert sorted(set(unbounded_fields(create_api(Desk(Path("nowhere"))).openapi()))) == []


def test_every_field_of_a_form_has_a_bound() -> None:
    assert sorted(set(unbounded_fields(described_pages()))) == []


def test_the_walk_finds_what_has_none() -> None:
    app = FastAPI()

    @app.get("/a")
    def read(text: str, number: int = 0) -> None:
        """Takes anything."""

    unbounded_names = unbounded_fields(get_openapi(title="a", version="1", routes=app.routes))
    assert sorted(unbounded_names) == ["get /a number", "get /a text"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def admin(site: Site) -> Client:
    return site.client("admin")


@pytest.fixture(scope="module")
def post(site: Site) -> int:
    desk = site.desk
    draft = PostDraft.model_validate({"title": "Cells", "links": [{"label": "a", "url": "https://a.example"}]})
    return add_post(desk.database, desk.store, draft, desk.now(), "admin@example.org").id


PAGES = (
    "/", "/queue", "/posts", "/posts/new", "/posts/{post}", "/calendar", "/deliveries", "/channels", "/people",
    "/audit", "/webhooks", "/account", "/account/tokens", "/login",
)  # fmt: skip
FIELDS = re.compile(r"<(input|textarea)\b([^>]*)>")
NEED_NO_LENGTH = re.compile(
    r'type="(hidden|checkbox|radio|file|date|datetime-local|month|color|range|number|submit|week)"'
)


@pytest.mark.parametrize("page", PAGES)
def test_a_browser_knows_how_long_each_text_may_be(site: Site, admin: Client, post: int, page: str) -> None:
    answer = (site.client() if page == "/login" else admin).get(page.format(post=post))
    assert answer.status_code == 200
    texts = [match[0] for match in FIELDS.finditer(answer.text) if not NEED_NO_LENGTH.search(match[2])]
    assert [field for field in texts if "maxlength=" not in field] == []


def test_a_number_that_no_row_has_is_nowhere(site: Site, admin: Client) -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, Route)]
    paths = [route.path for route in routes if re.search(r"\{(?!upload)\w+_id\}", route.path)]
    assert len(paths) > 20
    for number in (MAX_ROW_NUMBER + 1, 2**63, 10**30, 10**300):
        for path in paths:
            address = re.sub(r"\{\w+\}", str(number), path)
            answers = [admin.get(address), admin.send_form(address)]
            assert {answer.status_code for answer in answers} <= {404, 405}, address


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/queue/approve", {"posts": [10**30]}),
        ("/queue/move", {"posts": [1], "to": "before", "neighbour": 2**63}),
        ("/calendar/place", {"post": 10**30, "day": "2026-05-05"}),
        ("/posts/1/approve", {"version": 10**30}),
        ("/account/tokens", {"name": "a", "scopes": ["read"], "days": 10**30}),
    ],
)
def test_a_large_number_in_a_form_is_a_field_that_cannot_be_read(
    admin: Client, post: int, address: str, fields: dict[str, Any]
) -> None:
    answer = admin.send_form(address, fields)
    assert answer.status_code == 422
    assert f"fields can&#39;t be read: {[*fields][-1] if len(fields) < 2 else ''}" in text_of(answer)


@pytest.fixture
def on_postgres(
    tmp_path: Path, write_desk: WriteDesk, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Pages of a desk on PostgreSQL, which refuses texts that SQLite takes."""
    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", postgres_url)
    with open_starter_site(write_desk(tmp_path)) as opened:
        yield opened


def test_the_character_nul_fails_in_no_address(on_postgres: Site) -> None:
    client, requests_sent = on_postgres.client("admin"), 0
    for path, operations in described_pages()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query":
                address = path.replace("{kind}", "csv").replace("{post_id}", "1")
                answer = client.get(address, params={parameter["name"]: "a\0b"})
                assert answer.status_code in (400, 404, 422), address
                requests_sent += 1
    assert requests_sent > 15


def test_the_character_nul_fails_in_no_form(on_postgres: Site) -> None:
    stranger, editor = on_postgres.client(), on_postgres.client("editor")
    assert stranger.post("/login", data={"email": "a\0b@example.org", "password": "\0"}).status_code == 401
    for path in ("/posts", "/preview"):
        form = {"title": "a\0b", "language": "en", "images-0-media": "a\0b"}
        assert editor.send_form(path, form).status_code == 422
    assert editor.send_form("/posts", {"title": "a\0b", "language": "en"}).status_code == 200
    with on_postgres.desk.database.reading() as session:
        assert session.scalars(select(Post.title)).one() == "ab"


@pytest.mark.parametrize(
    "path", ["/login", "/posts", "/posts/{post}/autosave", "/preview", "/calendar/keys", "/queue/tag"]
)
@pytest.mark.parametrize("field", ["title", "csrf", "\\ud800"])
def test_bytes_that_are_no_text_are_refused_in_every_form(site: Site, post: int, path: str, field: str) -> None:
    """A charset of Python's own makes half of a character of plain ones."""
    part = f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n\\ud800\r\n--x--\r\n'
    client = site.client() if path == "/login" else site.client("editor")
    kind = {"content-type": "Multipart/Form-Data; boundary=x; charset=unicode_escape", "x-csrf-token": client.csrf}
    answer = client.post(path.format(post=post), data=part.encode(), headers=kind)
    assert answer.status_code == 400
    assert "This form holds a character" in text_of(answer)


@pytest.mark.parametrize("version", ["\N{SUPERSCRIPT TWO}", "9" * 18, "9" * 20, "9" * 5000, "-1", "1e3"])
@pytest.mark.parametrize("path", ["/posts/{post}", "/posts/{post}/autosave"])
def test_a_version_that_is_no_number_fails_nowhere(site: Site, post: int, path: str, version: str) -> None:
    form = {"title": f"Cells of {version[:20]}", "language": "en", "version": version}
    answer = site.client("editor").send_form(path.format(post=post), form)
    assert answer.status_code == (409 if version == "9" * 18 and path == "/posts/{post}" else 200)


def test_a_number_that_no_row_has_is_a_sentence_at_the_command_line(site: Site) -> None:
    config = ["--config", str(site.desk.config)]
    commands = (["show"], ["approve"], ["withdraw"], ["edit", "--title", "a"], ["retry"], ["cancel"], ["log"])
    for number in (MAX_ROW_NUMBER + 1, 2**63, 10**30):
        for command in commands:
            result = CliRunner().invoke(cli, [*config, *command, str(number)])
            assert (result.exit_code, type(result.exception)) == (2, SystemExit), command
            assert f"{number} is greater than the number of any post or delivery." in " ".join(result.output.split())


def test_bytes_that_are_no_text_are_a_sentence_at_the_command_line(site: Site) -> None:
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "resume", "\udcff"])
    assert isinstance(result.exception, UnicodeEncodeError)
    assert describe_error(result.exception) == "the command line has bytes that are not text; write it in UTF-8"


def test_names_and_comments_lose_what_steers_a_terminal(site: Site, post: int) -> None:
    desk, now = site.desk, site.desk.now()
    person = accounts.add_person(
        desk.database, accounts.NewPerson("ada@example.org", f" Ada{STEERING}\nRoe ", ["editor"]),
        password="a quiet long night", now=now, actor="test",
    )  # fmt: skip
    new_api_token(desk.database, person, f"a{STEERING}\tprogram", ["read"], days=7, now=now)
    PostQueue(desk, "ada@example.org").add_comment(post, person, f"one{STEERING}\r\ntwo")
    operate.pause(desk.database, "x", f"too{STEERING}\nloud", now=now, actor="ada@example.org")
    with desk.database.reading() as session:
        assert accounts.load_person(session, person).name == "Ada[2J Roe"
        assert session.scalars(select(ApiToken.name)).all()[-1] == "a[2J program"
        assert session.scalars(select(Comment.text)).one() == "one[2J\ntwo"
        assert str(session.get_one(Channel, "x").pause_problem) == "too[2J loud"


def test_names_and_comments_that_are_too_long_are_refused_with_the_limit(site: Site, post: int) -> None:
    desk, now = site.desk, site.desk.now()
    person = site.person("editor")
    with pytest.raises(AccountError, match=r"A name may have 120 characters, and this has 121; shorten it\."):
        accounts.invite_person(
            desk.database, accounts.NewPerson("b@example.org", "b" * 121, ["editor"]), now=now, actor="test"
        )  # fmt: skip
    with pytest.raises(AccountError, match="is no mail address"):
        accounts.invite_person(
            desk.database, accounts.NewPerson("b\x00@example.org", "b", ["editor"]), now=now, actor="test"
        )
    with pytest.raises(PostError, match=r"the comment has 4,001 characters; at most 4,000 are kept"):
        PostQueue(desk, "b").add_comment(post, person, "a" * (post_limits.COMMENT + 1))


@pytest.mark.parametrize(
    ("name", "problem"),
    [("a" * 201, "String should have at most 200"), ("a\x1bb", "has line ends or control characters")],
)
def test_an_outlets_name_is_one_short_line(name: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        OutletSettings.model_validate({"name": name, "time_zone": "Europe/London", "hour": "09:00"})
