"""Refuses what needs an extra of this package that is not installed."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import _


class Extra(StrEnum):
    """Names an optional part of this package, as `pyproject.toml` does."""

    POSTGRESQL = "postgresql"
    S3 = "s3"
    SANDBOX = "sandbox"


MODULES = {
    Extra.POSTGRESQL: ("procrastinate", "psycopg", "psycopg_pool"),
    Extra.S3: ("boto3", "botocore"),
    Extra.SANDBOX: ("hypercorn", "trustme"),
}
"""The modules that each extra brings."""
_PURPOSES = {
    Extra.POSTGRESQL: _("A database on PostgreSQL"),
    Extra.S3: _("A bucket for pictures"),
    Extra.SANDBOX: _("The sandbox, on which the demo and the proof run,"),
}


class ExtraMissing(UserError):
    """Packages of an extra are not installed; the message is one sentence."""

    code = "extra-missing"
    kind = ErrorKind.CONFIGURATION


def require_extra(extra: Extra) -> None:
    """Raises ExtraMissing where a module of an extra is not installed. Imports none of them."""
    if any(find_spec(module) is None for module in MODULES[extra]):
        raise ExtraMissing(
            _(
                "{purpose} needs packages that are not installed here. Run: pip install 'publisher[{extra}]'",
                purpose=_PURPOSES[extra],
                extra=extra.value,
            )
        )
