"""Tests that people and programs can read the logs, and that they hold no secret."""

from __future__ import annotations

import io
import json
import logging
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.errors import SettingsError
from publisher.core.log_folding import MAX_ALIKE, MAX_REMEMBERED, FoldingHandler
from publisher.core.logs import HIDDEN, LIBRARIES, SECRET_HINT, SECRETS_IN_TEXT, configure_logs, get_logger
from publisher.core.messages import Message
from publisher.core.outage_log import LogOnce
from publisher.core.problems import recorded_problem
from publisher.db.errors import DatabaseError
from publisher.platforms.errors import Unavailable
from tests.waiting import wait_until

SECRET = "hun/ter2's café"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "publisher", *LIBRARIES)]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    structured = structlog.get_config()
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers
    structlog.configure(**structured)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Returns what was logged so far, by logs that are configured with a secret in the environment."""
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN", SECRET)
    stream = io.StringIO()
    configure_logs(stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_for_programs_is_one_json_object(lines: Callable[[], list[dict[str, Any]]]) -> None:
    get_logger("publisher.delivery").info("published", delivery=7, url="https://example.org/1", late=False, cost=0.2)
    (line,) = lines()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "published",
        "level": "info",
        "logger": "publisher.delivery",
        "delivery": 7,
        "url": "https://example.org/1",
        "late": False,
        "cost": 0.2,
    }


@pytest.mark.parametrize(
    ("name", "full"), [("run", "publisher.run"), ("publisher.run", "publisher.run"), ("publisher", "publisher")]
)
def test_every_logger_of_ours_writes_its_full_name(
    lines: Callable[[], list[dict[str, Any]]], name: str, full: str
) -> None:
    get_logger(name).info("ready")

    assert lines()[0]["logger"] == full


def test_a_line_for_people_is_plain_text() -> None:
    stream = Terminal()
    configure_logs(stream=stream)
    get_logger("publisher.delivery").warning("retry later", channel="x")

    plain = re.sub(r"\x1b\[\d+m", "", stream.getvalue())
    assert re.match(r"\S+Z \[warning +\] retry later +\[publisher.delivery\] channel=x\n$", plain)


def test_a_file_gets_no_colours_even_when_it_is_for_people() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream, json=False)
    get_logger("publisher").info("hello")

    assert "hello" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_setting_up_again_replaces_what_was_there() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logs(stream=first)
    configure_logs(stream=second)
    get_logger("publisher").info("once")

    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


@pytest.mark.parametrize(("level", "line_count"), [("", 2), ("debug", 3), ("INFO", 2), ("warning", 1), ("error", 0)])
def test_the_level_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, level: str, line_count: int) -> None:
    monkeypatch.setenv("PUBLISHER_LOG_LEVEL", level)
    stream = io.StringIO()
    configure_logs(stream=stream)
    log = get_logger("publisher.test")
    log.debug("d")
    log.info("i")
    log.warning("w")

    assert len(stream.getvalue().splitlines()) == line_count


def test_a_level_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError, match="PUBLISHER_LOG_LEVEL is “loud”; write debug, info, warning, error"):
        configure_logs(stream=io.StringIO())


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_speak_from_warning_on(
    lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setenv("PUBLISHER_LOG_LEVEL", "debug")
    logging.getLogger(f"{library}.inside").info("chatter")
    logging.getLogger(f"{library}.inside").warning("trouble at %s", "noon", extra={"port": 80})
    (line,) = lines()

    assert (line["event"], line["level"], line["logger"]) == ("trouble at noon", "warning", f"{library}.inside")
    assert line["port"] == 80


def test_context_travels_with_every_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with structlog.contextvars.bound_contextvars(channel="x"):
        get_logger("publisher").info("begun")

    assert lines()[0]["channel"] == "x"


# --- secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "access_token",
        "oauthToken",
        "client_secret",
        "api_key",
        "key",
        "Authorization",
        "set-cookie",
        "sessionid",
        "totp_seed",
        "oauth_signature",
    ],
)
def test_a_telling_key_hides_its_value(lines: Callable[[], list[dict[str, Any]]], key: str) -> None:
    get_logger("publisher").info("sent", **{key: "abc123", "nested": {key: ["abc123"]}, "listed": [{key: 123}]})
    (line,) = lines()

    assert line[key] == line["nested"][key] == line["listed"][0][key] == HIDDEN


@pytest.mark.parametrize("key", ["idempotency_key", "monkey", "keyboard", "channel", "tokyo"])
def test_an_innocent_key_does_not(lines: Callable[[], list[dict[str, Any]]], key: str) -> None:
    get_logger("publisher").info("sent", **{key: "abc123"})

    assert lines()[0][key] == "abc123"


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"before {SECRET} after",
        {"inner": [f"x{SECRET}"]},
        {SECRET: 1},
        (SECRET, 2),
        ValueError(SECRET),
        SECRET.encode(),
        Path("/tmp") / SECRET,
        "status=hun%2Fter2%27s%20caf%C3%A9",
        "status=hun%2Fter2%27s+caf%C3%A9",
        r"hun/ter2's caf\u00e9",
    ],
)
def test_a_secret_of_the_environment_is_hidden_wherever_it_occurs(
    lines: Callable[[], list[dict[str, Any]]], value: Any
) -> None:
    get_logger("publisher").info("sent", value=value)
    line = json.dumps(lines()[0])

    assert HIDDEN in line
    assert "ter2" not in line


def test_a_secret_is_hidden_in_an_exception(lines: Callable[[], list[dict[str, Any]]]) -> None:
    def sign(_key: str) -> None:
        raise ConnectionError(f"no answer to {SECRET}") from KeyError(SECRET)

    try:
        sign(SECRET)
    except ConnectionError:
        get_logger("publisher").exception("not sent")
        logging.getLogger("tweepy").exception("no answer to %s", SECRET)
    ours, theirs = lines()

    for line in (ours, theirs):
        assert "ConnectionError: no answer to [hidden]" in line["exception"]
        assert "ter2" not in json.dumps(line)
    assert theirs["event"] == "no answer to [hidden]"


def test_a_terminal_shows_no_secret_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN", SECRET)
    stream = Terminal()
    configure_logs(stream=stream)
    value = SECRET
    try:
        raise ValueError(f"bad {value}")
    except ValueError:
        get_logger("publisher").exception(f"for {value}", token=value, note=value)

    assert stream.getvalue().count(HIDDEN) == 4
    assert "ter2" not in stream.getvalue()


def test_a_secret_file_is_read_and_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("correct horse\n", encoding="utf-8")
    monkeypatch.setenv("PUBLISHER_INSTAGRAM_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", str(tmp_path / "not there"))
    stream = io.StringIO()
    configure_logs(stream=stream)
    get_logger("publisher").info("logging in with correct horse")

    assert "logging in with [hidden]" in stream.getvalue()


def test_what_is_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_LOG_LEVEL", "warning")
    monkeypatch.setenv("PUBLISHER_INSTAGRAM_USERNAME", "picture.of.the.day")
    monkeypatch.setenv("PUBLISHER_X_CLIENT_ID", "short")
    monkeypatch.setenv("PUBLISHER__OUTLET__NAME", "Picture of the Day")
    stream = io.StringIO()
    configure_logs(stream=stream)
    get_logger("publisher").warning("warning picture.of.the.day short Picture of the Day")

    assert json.loads(stream.getvalue())["event"] == "warning picture.of.the.day short Picture of the Day"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql+psycopg://desk:pw@db/queue", "postgresql+psycopg://desk:[hidden]@db/queue"),
        ("GET /me?access_token=abc&fields=id", "GET /me?access_token=[hidden]&fields=id"),
        ("Authorization: Bearer abcdef.ghi", "Authorization: Bearer [hidden]"),
        ('OAuth oauth_nonce="n", oauth_signature="x%3D"', 'OAuth oauth_nonce="[hidden]", oauth_signature="[hidden]"'),
        ("Cookie: sessionid=1; csrftoken=2", "Cookie: [hidden]"),
        ("{'password': 'abc', 'user': 'ada'}", "{'password': '[hidden]', 'user': 'ada'}"),
        ("https://example.org:8080/a@b", "https://example.org:8080/a@b"),
        ("the token was refused", "the token was refused"),
    ],
)
def test_text_that_looks_like_a_secret_is_hidden(
    lines: Callable[[], list[dict[str, Any]]], text: str, expected: str
) -> None:
    get_logger("publisher").info(text)

    assert lines()[0]["event"] == expected


@pytest.mark.parametrize("pattern", SECRETS_IN_TEXT, ids=range(len(SECRETS_IN_TEXT)))
@given(data=st.data())
def test_the_quick_look_misses_no_secret(pattern: re.Pattern[str], data: st.DataObject) -> None:
    before = data.draw(st.text(string.printable, max_size=5))
    text = f"{before} {data.draw(st.from_regex(pattern, alphabet=st.characters(codec='ascii')))}"

    assert SECRET_HINT.search(text.lower())


@pytest.mark.parametrize(
    "text", ["PassWord=abc123", "pa\u017f\u017fword=abc123", "to\u212aen: abc123", "caf\u00e9 secret=abc123"]
)
def test_no_way_of_writing_a_name_gives_the_secret_away(lines: Callable[[], list[dict[str, Any]]], text: str) -> None:
    get_logger("publisher").info(text)

    assert "abc123" not in lines()[0]["event"]


# --- lines that repeat ---------------------------------------------------------------------------


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that windows are measured by."""
    moved = [0.0]
    monkeypatch.setattr("publisher.core.log_folding.monotonic", lambda: 1000.0 + moved[0])

    def move(seconds: float) -> None:
        moved[0] += seconds

    return move


def test_a_line_that_repeats_is_folded_and_counted(
    lines: Callable[[], list[dict[str, Any]]], ticking: Callable[[float], None]
) -> None:
    for number in range(1000):
        get_logger("web").error("a page failed", path="/queue", reference=f"{number}", seconds=number / 7)
    assert len(lines()) == MAX_ALIKE
    ticking(61)
    get_logger("web").error("a page failed", path="/queue", reference="last")
    *_, last = lines()
    assert len(lines()) == MAX_ALIKE + 1
    assert (last["event"], last["repeated"], last["reference"]) == ("a page failed (repeated 998 times)", 998, "last")


def test_lines_that_differ_in_what_matters_are_all_written(lines: Callable[[], list[dict[str, Any]]]) -> None:
    for number in range(50):
        get_logger("delivery").info("published", delivery=number)
    assert len(lines()) == 50


def test_the_lines_of_libraries_are_folded_too(lines: Callable[[], list[dict[str, Any]]]) -> None:
    for _ in range(2000):
        logging.getLogger("asyncio").error("socket.accept() out of system resource\nsocket: %s", "fd=7")
    assert len(lines()) == MAX_ALIKE
    configure_logs(stream=io.StringIO())
    assert lines()[-1]["event"].endswith(f"(repeated {2000 - MAX_ALIKE} times)")


def test_what_was_folded_is_reported_though_nothing_follows(
    lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.core.log_folding.WINDOW_SECONDS", 0.05)
    monkeypatch.setattr("publisher.core.log_folding.monotonic", iter([*[0.0] * 20, *[1000.0] * 1000]).__next__)
    for _ in range(10):
        get_logger("web").warning("a flood")
    wait_until(lambda: any("repeated" in line for line in lines()), "the count is told")


def test_kinds_of_lines_are_forgotten_before_they_fill_the_memory(lines: Callable[[], list[dict[str, Any]]]) -> None:
    for number in range(MAX_REMEMBERED * 3):
        get_logger("delivery").info("published", delivery=number)
    (handler,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, FoldingHandler)]
    assert len(handler._lines) == MAX_REMEMBERED
    assert len(lines()) == MAX_REMEMBERED * 3


def test_a_line_about_an_error_that_is_fit_to_show_has_its_code(lines: Callable[[], list[dict[str, Any]]]) -> None:
    LogOnce("scheduler", "the backup").failed(DatabaseError(Message("the database is damaged")), trace=False)
    get_logger("web").error("failed", exc_info=Unavailable(recorded_problem("Tumblr was not reached")))
    get_logger("web").error("failed", exc_info=ValueError("a fault"))

    assert [line.get("code") for line in lines()] == ["database-unusable", "platform-unavailable", None]
