"""Tests that no request makes the API fail, or answer what its description does not say."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from publisher.core.characters import remove_control_characters_from_json
from publisher.core.problems import recorded_problem
from publisher.core.rate_limits import Buckets
from publisher.core.states import State
from publisher.db.models import Media
from publisher.desk import Desk
from publisher.lifecycle import Move, move
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from publisher.schedule.post_queue import PostQueue
from publisher.web.api.app import create_api
from publisher.web.api.paging import MAX_ID
from publisher.web.api.post_models import EXAMPLE_HASH
from tests.api_client import Program, token_of
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.fakes import add_delivery
from tests.outlet import draw
from tests.waiting import TIMEOUT

LOOK = recorded_problem("Look.")

ADOPT = "/deliveries/{delivery_id}/adopt"


def never_fails(ctx: CheckContext, response: Response, case: schemathesis.Case[Any]) -> bool | None:
    """Checks that no request makes the API fail, as the library does, for all answers but one.

    Nothing is behind the platforms of this desk, so whoever adopts a post without `unread` is told that it can't be
    read now. That answer is the platform's absence and no fault of the program: it is described, has a code of its
    own, and comes from that one address. Everything else with a 5xx fails, any other 503 included.
    """
    if case.path == ADOPT and response.status_code == 503 and response.json()["code"] == "not-read":
        said_unread = isinstance(case.body, dict) and case.body.get("unread") is True
        assert not said_unread
        assert "retry-after" in response.headers
        return None
    return not_a_server_error(ctx, response, case)


def is_refused_by_meaning(response: Any, case: Any) -> bool:
    """Tells a refusal that no field of the request causes by itself.

    The calendar's names the day that is too far away; an approval's names what is wrong with the post. Of the two
    values of a window no schema says that the first one is the smaller.
    """
    problem = response.json()
    if case.path == "/calendar" or problem.get("code") == "approval-blocked" or not problem["errors"]:
        return True
    return all(error.get("pointer", "").endswith("/window") for error in problem["errors"])


@schemathesis.check
def acceptance_of_what_is_described(ctx: Any, response: Any, case: Any) -> bool | None:
    """Checks that described requests are accepted, as the library does, but for refusals that no schema expresses."""
    if response.status_code == 412 or (response.status_code == 422 and is_refused_by_meaning(response, case)):
        return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def refusal_of_what_is_not_described(ctx: Any, response: Any, case: Any) -> bool | None:
    """Checks that undescribed requests are refused, as the library does, but for texts that are too long only by
    characters that are no part of them: those are removed before anything is measured."""
    try:
        return negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData as failure:
        if "`maxLength`" in failure.message and remove_control_characters_from_json(case.body) != case.body:
            return None
        raise


CHECKS = [
    never_fails,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
    ignored_auth,
    missing_required_header,
    refusal_of_what_is_not_described,
    acceptance_of_what_is_described,
]
SCHEMA = schemathesis.openapi.from_dict(create_api(Desk(Path("nowhere"))).openapi())
SCHEMA.config.checks.missing_required_header.expected_statuses = ["400", "401", "404", "415", "422", "428"]
# A request may be refused for its `If-Match` before its body is looked at.
SCHEMA.config.checks.negative_data_rejection.expected_statuses = [
    "400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "428", "429", "5xx",
]  # fmt: skip


def described_operations() -> dict[str, Any]:
    """Names each operation of the description."""
    operations = {}
    for result in SCHEMA.get_all_operations():
        assert isinstance(result, Ok), result
        operations[result.ok().label] = result.ok()
    return operations


OPERATIONS = described_operations()
EXAMPLES = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
IDS = 8
"""So many posts and deliveries there may be: what is sent names them more often than chance would."""


def fit(case: schemathesis.Case[Any]) -> None:
    """Have most requests name what is there, in the version that it has, so that more than mistakes is tried."""
    for name in ("post_id", "delivery_id"):
        number = case.path_parameters.get(name)
        if isinstance(number, int) and 1 <= number <= MAX_ID and number % 4:
            case.path_parameters[name] = number % IDS + 1
    if "Idempotency-Key" in case.headers and case.meta and case.meta.generation.mode.is_positive:
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    if len(case.headers.get("If-Match", "")) % 4:
        case.headers["If-Match"] = "*"


def is_spare(case: schemathesis.Case[Any]) -> bool:
    """Of the hundreds of bodies that a post's many fields can be wrong in, every fifth is enough."""
    wrong = case.meta is not None and case.meta.generation.mode == schemathesis.GenerationMode.NEGATIVE
    # What no parameter names is passed over: a program may add to an address what it likes.
    description = str(getattr(case.meta.phase.data, "description", "")) if case.meta is not None else ""
    if wrong and case.method == "GET" and "nexpected properties" in description:
        return True
    return wrong and case.path.startswith("/posts") and zlib.crc32(repr(case.body).encode()) % 5 > 0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    """Serves a desk with posts in several states, and deliveries that wait for a person."""
    folder = tmp_path_factory.mktemp("desk")
    with open_starter_site(write_desk(folder)) as opened:
        opened.server._app.state.api.state.buckets = Buckets(quota=10**9)
        _fill(opened.desk, folder)
        yield opened


def _fill(desk: Desk, folder: Path) -> None:
    now = desk.now()
    file = folder / "picture.png"
    draw(file)
    picture = ImageDraft(file=file, alt_text="Cells")
    for number in range(4):
        draft = PostDraft(title=f"Cells {number}", credit="Jane Doe", images=(picture,), reserve=number == 3)
        added = add_post(desk.database, desk.store, draft, now, "first@example.org")
        if number % 2:
            PostQueue(desk).approve(added.id, repeat_is_meant=True)
    with desk.database.writing() as session:
        # The picture that the examples name.
        facts = {"file_name": "a.png", "format": "png", "width": 640, "height": 480, "bytes": 9, "created_at": now}
        session.add(Media(sha256=EXAMPLE_HASH, **facts))
    for number in range(4):
        delivery = add_delivery(desk.database, now, channel="tumblr", day_offset=-number, title="Held cells")
        with desk.database.writing() as session:
            move(
                session,
                delivery,
                Move(State.PENDING, State.HELD),
                fence=0,
                now=now,
                problem=LOOK,
            )


@pytest.fixture(scope="module")
def program(site: Site) -> Iterator[Program]:
    with Program(site.url, token_of(site, site.person("admin"))) as new_program:
        yield new_program


@EXAMPLES
def keep_to_description(case: schemathesis.Case[Any], program: Program) -> None:
    if is_spare(case):
        return
    fit(case)
    headers = {"Authorization": f"Bearer {program.token}"}
    case.call_and_validate(base_url=program.base, session=program, headers=headers, checks=CHECKS, timeout=TIMEOUT)


@pytest.mark.parametrize("label", OPERATIONS)
def test_the_api_keeps_to_its_description(label: str, program: Program) -> None:
    """Makes the requests here: `SCHEMA.parametrize` would make all of them in every worker, at collection."""
    keep = build_operation_test(
        config=SCHEMA.config,
        operation=OPERATIONS[label],
        test_func=keep_to_description,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(SCHEMA)),
    )
    keep(program=program)


def test_the_description_is_served_and_whole() -> None:
    described = create_api(Desk(Path("nowhere"))).openapi()
    assert described["openapi"].startswith("3.1")
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert all(operation.get("description") and operation["security"] == [{"token": []}] for operation in operations)
    for name, schema in described["components"]["schemas"].items():
        assert "properties" in schema or "enum" in schema, name
    for operation in operations:
        assert {"401", "403", "429"} <= set(operation["responses"]), operation["operationId"]
