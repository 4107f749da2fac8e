"""Tests that every error fit to show has a code of its own, and that the documents list it."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from publisher.adapt.text.mentions import PeopleDirectoryError
from publisher.backup.files import BackupError
from publisher.cli.errors import describe_error
from publisher.core.encryption import EncryptionError
from publisher.core.errors import ErrorKind, SettingsError, SettingsUnreadable, UserError
from publisher.core.messages import Message, _
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.problem_codes import ActProblem
from publisher.job_failures import FailureReason, classify_error
from publisher.media import MediaError
from publisher.posts.errors import MachineError, PostError, PostNotFound, StaleEdit
from publisher.posts.pictures import PictureRefused
from publisher.proving.rehearsal import RehearsalRefused
from publisher.staff.passwords import WeakPassword
from publisher.web.api.error_handlers import STATUSES
from publisher.web.problem_codes import RequestProblem

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "publisher"
DOCUMENT = ROOT / "docs" / "errors.md"
ENTRY = "__main__"

NOT_FOR_PEOPLE = {
    "publisher.posts.channel_texts.ChannelTextInvalid": "whoever reads a list of colours says where it stands",
    "publisher.adapt.images.child_process.ImageProcessFailed": "a fault of the program or its installation",
    "publisher.adapt.images.process.errors.PictureRefused": "leaves the child process as ImageRefused",
    "publisher.adapt.images.warm_processes.ProcessEnded": "an inner signal, answered with an ImageRefused or a retry",
    "publisher.backup.database_copy._ContentDiffers": "an inner signal, answered with a BackupError",
    "publisher.core.file_reading.UnfitFile": "an OSError whose clause goes on after the file's name",
    "publisher.core.name_resolving.NotResolvedInTime": "an inner signal of the connections",
    "publisher.core.public_hosts.AddressRefused": "a clause that its callers put into their sentence",
    "publisher.core.public_hosts.NotResolvedNow": "a clause that its callers put into their sentence",
    "publisher.core.public_hosts.NotPublic": "a clause that its callers put into their sentence",
    "publisher.core.timeouts.CallTimedOut": "a clause that its callers put into their sentence",
    "publisher.delivery.corrections.CorrectionUnderWay": "an inner signal, answered with a CorrectionRefused",
    "publisher.intake.html_texts.HtmlNotReadWhole": "carries a Problem, which the import tells of the item",
    "publisher.intake.json_lines.FieldRepeated": "an inner signal of the JSON parser, answered with a Problem",
    "publisher.intake.plain_yaml.YamlRefused": "an error of YAML, answered with a PostError",
    "publisher.lifecycle.Fenced": "an inner signal: somebody else has the delivery now",
    "publisher.lifecycle.NotApprovedText": "a guard that only a fault of the program meets",
    "publisher.platforms.exchange.CaFileUnreadable": "an error of requests, answered with a PlatformError",
    "publisher.platforms.instagram.client.CodeSent": "an error of the library, answered with a question for the code",
    "publisher.platforms.links.LinkRefused": "holds a fault, answered with an ActRefused",
    "publisher.platforms.registry.UnknownPlatform": "a clause that its callers put into their sentence",
    "publisher.sandbox.instagram.media.Refusal": "an answer of the sandbox in the platform's own words",
    "publisher.sandbox.tumblr.npf.Refusal": "an answer of the sandbox in the platform's own words",
    "publisher.sandbox.x.problems.Refusal": "an answer of the sandbox in the platform's own words",
    "publisher.settings.config_errors.WrongValue": "a check of the configuration, answered with a SettingsError",
    "publisher.site.answers.Gone": "an inner signal, answered with the page for withdrawn posts",
    "publisher.site.answers.Moved": "an inner signal, answered with a redirect",
    "publisher.site.answers.NotHere": "an inner signal, answered with the page for missing pages",
    "publisher.site.app.TooMuch": "an inner signal, answered with 503",
    "publisher.web.access.MissingRule": "a fault of the program that stops it at its start",
    "publisher.web.import_jobs._Stopped": "an inner signal of the thread that somebody stopped",
    "publisher.web.api.problems.RequestRefused": "an HTTPException that the API answers with the sentence in it",
}
WITH_CODE_OF_PARENT = {
    "publisher.delivery.intents.KeyTaken": "an inner signal, recorded as an unavailable platform",
    "publisher.delivery.refusals.RefusedOnce": "an inner signal, recorded as an unavailable platform",
    "publisher.delivery.worker.RequestWithheld": "an inner signal, recorded as an unconfirmed publication",
}
"""Besides the errors of one platform, which have the codes of their kinds."""


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _bases(tree: ast.Module) -> dict[str, set[str]]:
    """Returns the last words of the bases of each class."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases} for node in classes}


@cache
def exception_classes() -> tuple[type[BaseException], ...]:
    """Finds all exception classes of the package. Only modules that can define one are imported."""
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): _bases(
            ast.parse(file.read_text(encoding="utf-8"))
        )
        for file in PACKAGE.rglob("*.py")
        if file.stem != ENTRY and "versions" not in file.parts
    }
    known_names = {name for name, value in vars(builtins).items() if _is_exception(value)}
    before = -1
    while before < len(known_names):
        before = len(known_names)
        for classes in modules.values():
            known_names |= {
                name for name, bases in classes.items() if any(_names_exception(base, known_names) for base in bases)
            }
    classes_found: dict[type[BaseException], None] = {}
    for module, classes in sorted(modules.items()):
        if candidates := sorted(known_names & classes.keys()):
            values = vars(importlib.import_module(module))
            own = [values[name] for name in candidates if name in values and values[name].__module__ == module]
            classes_found |= dict.fromkeys(value for value in own if _is_exception(value))
    return tuple(classes_found)


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _names_exception(base: str, known_names: set[str]) -> bool:
    return base in known_names or re.search(r"(Error|Exception|Required|Refused|Failed)$", base) is not None


def user_errors() -> list[type[UserError]]:
    return [cls for cls in exception_classes() if issubclass(cls, UserError) and cls is not UserError]


def _is_of_one_platform(cls: type) -> bool:
    return re.match(r"publisher\.platforms\.\w+\.", cls.__module__) is not None


def codes() -> list[str]:
    """Lists the code of each class, and those of refused acts and requests."""
    own = [cls.__dict__["code"] for cls in user_errors() if "code" in cls.__dict__]
    return [*own, *(problem.short_code for listed in (ActProblem, RequestProblem) for problem in listed)]


def test_every_exception_is_a_user_error_or_listed_with_a_reason() -> None:
    others = {_name(cls) for cls in exception_classes() if not issubclass(cls, UserError)}
    assert others == NOT_FOR_PEOPLE.keys()
    assert len(user_errors()) > 50, "the search finds what there is"


def test_every_user_error_has_a_code_of_its_own() -> None:
    without = {_name(cls) for cls in user_errors() if "code" not in cls.__dict__ and not _is_of_one_platform(cls)}
    assert without == WITH_CODE_OF_PARENT.keys() | {_name(ActRefused)}
    for cls in user_errors():
        assert cls is ActRefused or isinstance(cls.code, str), cls


def test_codes_are_unique_and_in_kebab_case() -> None:
    assert len(codes()) == len(set(codes())), sorted(code for code in codes() if codes().count(code) > 1)
    assert [code for code in codes() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


def test_the_document_lists_exactly_the_codes_of_the_program() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    listed = [row[0].strip("`") for row in rows]
    assert sorted(listed) == sorted(codes())
    for row in rows:
        assert len(row) == 3, row
        assert all(cell.endswith(".") for cell in row[1:]), row


def test_a_refused_act_has_its_reason_as_its_code() -> None:
    assert ActRefused(ActProblem.NO_DELIVERY, delivery=7).code == "no-delivery"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PostNotFound(Message("there is no post 7")), 404),
        (StaleEdit(Message("post 7 was changed")), 412),
        (PictureRefused(Message("a.png is no picture")), 422),
        (MachineError(Message("this machine has no free memory")), 503),
        (SettingsUnreadable(_("publisher.toml can't be read"), lasting=False), 503),
        (PostError(Message("post 7 has left the queue")), 409),
        (MediaError(Message("the media store refused")), 503),
        (SettingsError(Message("outlet.name is missing")), 500),
    ],
)
def test_the_api_gives_each_kind_its_status(error: UserError, status: int) -> None:
    assert STATUSES[error.kind] == status


def test_every_kind_has_a_status() -> None:
    assert STATUSES.keys() == set(ErrorKind)


@pytest.mark.parametrize(
    "error",
    [
        RehearsalRefused(Message("No post is ready to be rehearsed; approve one first.")),
        PeopleDirectoryError(Message("people.toml can't be read")),
        BackupError(Message("pg_dump is not there; install it")),
        EncryptionError(Message("PUBLISHER_KEY is missing")),
        WeakPassword(Message("A password has at least 12 characters.")),
    ],
)
def test_faces_show_the_sentence_of_every_user_error(error: UserError) -> None:
    assert describe_error(error) == str(error)
    assert classify_error(error) == (FailureReason.MISTAKE, error.text)
