"""Configures logs: lines for people on a terminal, JSON elsewhere, without secrets.

Everything passes one formatter, the records of libraries too. What looks like a secret is
replaced there, after exceptions were turned into text and before anything is written.
"""

from __future__ import annotations

import json as json_text
import logging
import os
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast
from urllib.parse import quote, quote_plus

from publisher.core.characters import make_visible
from publisher.core.errors import SettingsError, UserError
from publisher.core.file_reading import SECRET_BYTES, read_text
from publisher.core.log_folding import FoldingHandler
from publisher.core.messages import _

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger, ProcessorFormatter
    from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
LEVEL_VARIABLE = "PUBLISHER_LOG_LEVEL"
ROOT_LOGGER = "publisher"
LIBRARIES = (
    "alembic",
    "apscheduler",
    "instagrapi",
    "private_request",
    "public_request",
    "oauthlib",
    "requests_oauthlib",
    "sqlalchemy",
    "tweepy",
    "urllib3",
)
"""At lower levels these log what they send, headers included."""

HIDDEN = "[hidden]"
MAX_KEYS = 500
"""So many keys of log lines are cached."""
MIN_SECRET_LENGTH = 6
"""A shorter value would be found inside other words."""
NO_SECRETS = ("_LOG_LEVEL", "_USERNAME", "_FILE")
SHOWN_KEYS = frozenset({"idempotency_key"})
SECRET_KEY = re.compile(
    r"passw|passphrase|secret|token|authorization|cookie|credential|session_?id|totp|seed|signature|(?:^|[^a-z])key(?:$|[^a-z])|apikey",
    re.IGNORECASE,
)
SECRETS_IN_TEXT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(://[^/\s:@]*:)[^/\s@]+(?=@)",
        r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}",
        r"(\b(?:set-)?cookie[\"']?\s*[:=]\s*)[^\r\n]+",
        r"(\b(?:oauth_\w+|[\w-]*(?:password|secret|token|signature|api_?key|session_?id))[\"']?\s*[=:]\s*[\"']?)"
        r"[^\s\"'&,;]+",
    )
)
"""A URL's password, a header's credentials, cookies, and `name=value` where the name means a secret."""
SECRET_HINT = re.compile(
    r"://[^/\s:@]*:|bearer|basic|cookie|oauth_|password|secret|token|signature|api_?key|session_?id"
)
"""Matches, in small letters, every ASCII text in which one of `SECRETS_IN_TEXT` finds something, ten times faster."""


def configure_logs(*, stream: TextIO, json: bool | None = None) -> None:
    """Writes all logs to `stream`: as JSON lines, or for people (None: for people on a terminal).

    Call it after the environment is complete: the secrets that it holds by then are hidden.
    Calling it again replaces what was set up before.

    Raises:
        SettingsError: `PUBLISHER_LOG_LEVEL` is no level.
    """
    import structlog  # noqa: PLC0415

    level = _read_level()
    as_json = not stream.isatty() if json is None else json
    renderer = _json_lines() if as_json else _lines_for_people(colours=stream.isatty())
    handler = FoldingHandler(stream)
    handler.name = ROOT_LOGGER
    handler.setFormatter(_formatter(renderer, known_secrets(os.environ)))
    # No line tells of these, and looking them up takes longer than the rest of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = ""  # noqa: SLF001 - the documented way to leave out the line of the code, too
    root = logging.getLogger()
    for former in [handler for handler in root.handlers if handler.name == ROOT_LOGGER]:
        root.removeHandler(former)
        former.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT_LOGGER).setLevel(level)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> BoundLogger:
    """Returns a logger of the program's own, such as `get_logger("delivery")`, or with `__name__`.

    Say what happened, then the values by name.
    """
    full = name if name == ROOT_LOGGER or name.startswith(f"{ROOT_LOGGER}.") else f"{ROOT_LOGGER}.{name}"
    return cast("BoundLogger", _Logger(full))


class _Logger:
    """Wraps a logger, and imports structlog when the first line is logged: most commands log none."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _logger(self) -> BoundLogger:
        import structlog  # noqa: PLC0415

        return structlog.stdlib.get_logger(self._name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)


def known_secrets(environment: Mapping[str, str]) -> frozenset[str]:
    """Returns the values of every `PUBLISHER_*` secret, in each way in which they may be written in a text."""
    plain = set()
    for name, value in environment.items():
        # Two underscores begin a key of the configuration, which is no secret.
        if not name.startswith("PUBLISHER_") or name.startswith("PUBLISHER__"):
            continue
        if name.endswith("_FILE"):
            plain.add(_read_secret_file(Path(value)))
        elif not name.endswith(NO_SECRETS):
            plain.add(value.strip())
    long_enough = {secret for secret in plain if len(secret) >= MIN_SECRET_LENGTH}
    return frozenset(form for secret in long_enough for form in _written_forms(secret))


class Redactor:
    """Hides secrets in log lines: values of keys that name a secret, and known secrets wherever they occur."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: a secret may begin with another.
        longest_first = sorted(secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        # The keys of a line are few, and the same in most lines.
        self._key = lru_cache(MAX_KEYS)(self._text)
        self._is_secret = lru_cache(MAX_KEYS)(_is_secret_key)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {self._key(key): self._value(key, value) for key, value in event.items()}

    def _value(self, key: str, value: object) -> object:
        if value is None or value == "" or isinstance(value, bool):
            return value
        if self._is_secret(key):
            return HIDDEN
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {self._text(str(name)): self._value(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value("", inner) for inner in value]
        if isinstance(value, bytes):
            return self._text(value.decode("utf-8", "replace"))
        shown = str(value) if isinstance(value, date | Path | BaseException) else repr(value)
        return self._text(shown)

    def _text(self, text: str) -> str:
        if self._known:
            text = self._known.sub(HIDDEN, text)
        if text.isascii() and not SECRET_HINT.search(text.lower()):
            return text
        for pattern in SECRETS_IN_TEXT:
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
        return text


def _is_secret_key(key: str) -> bool:
    return key not in SHOWN_KEYS and SECRET_KEY.search(key) is not None


def _written_forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json_text.dumps(secret)[1:-1]}


def _read_secret_file(file: Path) -> str:
    """Reads a secret's file; empty when it can't be read, which is reported where the secret is needed."""
    try:
        return read_text(file, SECRET_BYTES).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _read_level() -> int:
    name = os.environ.get(LEVEL_VARIABLE, "").strip().lower() or "info"
    if name not in LEVELS:
        raise SettingsError(
            _(
                "{variable} is “{level}”; write {levels:list}",
                variable=LEVEL_VARIABLE,
                level=name,
                levels=LEVELS,
            )
        )
    return LEVELS[name]


def _json_lines() -> Processor:
    from structlog.processors import JSONRenderer  # noqa: PLC0415

    return JSONRenderer(ensure_ascii=False)


def _lines_for_people(*, colours: bool) -> Processor:
    from structlog.dev import ConsoleRenderer, plain_traceback  # noqa: PLC0415

    # Never rich's traceback: it shows local variables, and so secrets.
    return ConsoleRenderer(colors=colours, exception_formatter=plain_traceback)


def _without_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces control characters, which would steer the terminal that shows the line."""
    return {
        key: make_visible(value, keep="\n\t") if isinstance(value, str) and not value.isprintable() else value
        for key, value in event.items()
    }


def _add_error_code(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Adds the code of an error that is fit to show, so that a log can be searched for it."""
    error = event.get("exc_info")
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, UserError):
        event.setdefault("code", error.code)
    return event


def _formatter(renderer: Processor, secrets: frozenset[str]) -> ProcessorFormatter:
    import structlog  # noqa: PLC0415

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            _add_error_code,
            structlog.processors.format_exc_info,
            Redactor(secrets),
            _without_control_characters,
            renderer,
        ],
    )
