"""Checks refusals that one answer does not prove, or has them tried again, before they count."""

from __future__ import annotations

from sqlalchemy import select

from publisher.core.logs import get_logger
from publisher.core.states import AttemptOutcome
from publisher.db.models import Attempt
from publisher.db.session import Database
from publisher.delivery.problem_codes import RefusalProblem
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import (
    ActionsRefused,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    Unavailable,
    UnsupportedContent,
)

MAX_EXPIRED = 3
"""Pictures of one delivery that are forgotten so often in a row are not forgotten by chance."""
MAX_REFUSED = 5
"""So often in a row one delivery is refused for its account, while the account itself is accepted."""


class RefusedOnce(Unavailable):
    """Says that the platform refused the account once and not when asked again; nothing was published."""


def check_refusal(error: Exception, adapter: PlatformAdapter | None, database: Database, delivery: int) -> Exception:
    """Returns the error itself, or what it counts as after a second look.

    A refused account is checked with the call that asks for nothing but the account. `adapter` None: there is none,
    as where a secret is missing.
    """
    match error:
        case MediaExpired():
            times = _refusals_in_a_row(database, delivery, AttemptOutcome.MEDIA_EXPIRED) + 1
            return _forgotten(error, times) if times >= MAX_EXPIRED else error
        case ActionsRefused():
            return error
        case CredentialsRefused() if adapter is not None and not refuses_account(adapter):
            times = _refusals_in_a_row(database, delivery, AttemptOutcome.REFUSED_ONCE) + 1
            return _refused_again(error, times) if times >= MAX_REFUSED else _refused_once(error)
        case _:
            return error


def refuses_account(adapter: PlatformAdapter) -> bool:
    """Returns whether the platform refuses the account for the simplest question. No answer is no refusal."""
    try:
        adapter.verify_credentials()
    except CredentialsRefused:
        return True
    except PlatformError as error:
        get_logger("delivery").warning("the account was not checked", why=error.message)
    return False


def _refused_once(error: CredentialsRefused) -> RefusedOnce:
    return RefusedOnce(
        RefusalProblem.REFUSED_ONCE(answer=error.problem.with_remedy(None)),
        status=error.status,
        request_id=error.request_id,
        answer=error.answer,
    )


def _refused_again(error: CredentialsRefused, times: int) -> UnsupportedContent:
    return UnsupportedContent(
        RefusalProblem.REFUSED_REPEATEDLY(count=times, answer=error.problem.with_remedy(None)),
        status=error.status,
        request_id=error.request_id,
        answer=error.answer,
    )


def _forgotten(error: MediaExpired, times: int) -> ContentRejected:
    return ContentRejected(
        RefusalProblem.PICTURES_FORGOTTEN(count=times, answer=error.problem.with_remedy(None)),
        status=error.status,
        request_id=error.request_id,
        answer=error.answer,
    )


def _refusals_in_a_row(database: Database, delivery: int, outcome: AttemptOutcome) -> int:
    """Counts how many of a delivery's latest tries in a row ended so."""
    query = (
        select(Attempt.outcome)
        .where(Attempt.delivery_id == delivery, Attempt.kind != "verify", Attempt.outcome.is_not(None))
        .order_by(Attempt.id.desc())
        .limit(max(MAX_EXPIRED, MAX_REFUSED))
    )
    with database.reading() as session:
        ends = list(session.scalars(query))
    return next((number for number, end in enumerate(ends) if end != outcome), len(ends))
