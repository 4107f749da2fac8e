"""Reads database URLs, and names databases, without passwords on command lines and screens."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from publisher.backup.files import BackupError
from publisher.core.messages import Message, _
from publisher.settings import read_secret

FROM_ENVIRONMENT = "env:"


def read_url(name_or_url: str) -> str:
    """Returns the URL of a database: `named` itself, or the value of the variable `NAME` for `env:NAME`.

    `NAME_FILE` may name a file with the URL in it, as for every secret.

    Raises:
        BackupError: there is no such URL, it is neither a SQLite file nor PostgreSQL, or it would
            show a password to everybody on this machine.
        SettingsError: the file of a variable can't be read.
    """
    variable = name_or_url.removeprefix(FROM_ENVIRONMENT)
    if variable == name_or_url:
        url = _parsed(name_or_url, _("the database's URL"))
        if url.password or "password" in url.query:
            raise BackupError(
                _(
                    "a URL with a password can be read by everybody on this machine while the command runs: put it "
                    "into an environment variable, and write {prefix} and the variable's name",
                    prefix=FROM_ENVIRONMENT,
                )
            )
    else:
        value = read_secret(variable)
        if value is None:
            raise BackupError(
                _("the environment variable {variable} is not set; put the database's URL into it", variable=variable)
            )
        url = _parsed(value, variable)
    return url.render_as_string(hide_password=False)


def _parsed(text: str, where: Message | str) -> URL:
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        # What can't be read is not repeated: it may be a URL with a password in it.
        backend = ""
    if backend not in ("sqlite", "postgresql") or (backend == "sqlite" and url.database in (None, "", ":memory:")):
        raise BackupError(
            _(
                '{where} must be a URL such as "sqlite:///queue.db" or "postgresql+psycopg://user@host/name"',
                where=where,
            )
        ) from None
    return url


def database_label(url: str) -> Message | str:
    """Returns what a database is called before people: its file, or its name and its host."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return str(sqlite_path(url))
    match parsed.host or parsed.query.get("host"):
        case None | "" | ():
            return _("the PostgreSQL database {database} on this machine", database=parsed.database)
        case str(host):
            return _("the PostgreSQL database {database} on {host}", database=parsed.database, host=host)
        case hosts:
            return _("the PostgreSQL database {database} on {host:list}", database=parsed.database, host=hosts)


def sqlite_path(url: str) -> Path | None:
    """Returns the file of a SQLite database; None for PostgreSQL."""
    parsed = make_url(url)
    return Path(str(parsed.database)).absolute() if parsed.get_backend_name() == "sqlite" else None
