"""Commits the intent to publish, with its idempotency key, before the request is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.content import Preparation
from publisher.core.states import State
from publisher.db.session import Database
from publisher.delivery import quotas
from publisher.delivery.attempts import add_attempt
from publisher.delivery.channel_pauses import wait_channel
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.lifecycle import Move, change_columns, key_is_taken, move, next_token
from publisher.platforms.base import KeySeed
from publisher.platforms.errors import Unavailable


class KeyTaken(Unavailable):
    """Says that another delivery has the idempotency key; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Holds what one publishing request takes from its channel."""

    key: str
    preparation: Preparation
    cost: int
    """In micros, with what was paid for handing its pictures over."""
    gap: timedelta
    """The platform's human pace."""


def choose_key(
    rows: Session | Connection, claimed: ClaimedDelivery, key_of: Callable[[KeySeed], str]
) -> tuple[str, str]:
    """Returns the delivery's idempotency key and the token that it is made of: its own, or new ones.

    Some platforms' keys are few: Instagram's are moments. Where another delivery has the key, this
    one gets another token to make it of. Of two that take a key at the same moment, the database
    refuses the second one, which comes here again.
    """
    if claimed.idempotency_key is not None:
        return claimed.idempotency_key, claimed.seed.token
    seed = claimed.seed
    while key_is_taken(rows, key := key_of(seed)):
        seed = replace(seed, token=next_token(seed.token))
    return key, seed.token


def store_token(database: Database, claimed: ClaimedDelivery, token: str) -> None:
    """Gives the delivery another token to make its key of. Raises Fenced."""
    with database.writing() as session:
        change_columns(session, claimed.id, claimed.fence, {"token": token})


def commit_intent(
    database: Database, claimed: ClaimedDelivery, intent: Intent, *, now: datetime, lease: timedelta, owner: str
) -> int:
    """Commits the intent to publish, with all that it takes, and returns the attempt's id.

    Raises:
        Fenced: somebody else has the delivery.
        RateLimited: a quota does not leave what it takes; nothing was written.
        KeyTaken: another delivery got this key at the same moment; nothing was written.
    """
    try:
        return _commit_intent(database, claimed, intent, now=now, lease=lease, owner=owner)
    except IntegrityError:
        with database.reading() as session:
            if claimed.idempotency_key is None and key_is_taken(session, intent.key):
                raise KeyTaken(DeliveryProblem.KEY_TAKEN()) from None
        raise


def _commit_intent(
    database: Database, claimed: ClaimedDelivery, intent: Intent, *, now: datetime, lease: timedelta, owner: str
) -> int:
    with database.changing_rows() as rows:
        if quotas.require_quotas(rows, claimed.channel, claimed.adapted, now):
            quotas.count_request(rows, claimed.channel, now)
        if intent.gap:
            # Whatever becomes of this request, and of us: the next post keeps its distance.
            wait_channel(rows, claimed.channel, now + intent.gap)
        move(
            rows, claimed.id, Move(State.PREPARING, State.PUBLISHING), fence=claimed.fence, now=now,
            actor=owner, lease_owner=owner, lease_until=now + lease, idempotency_key=intent.key,
            sent_at=claimed.sent_at or now, preparation=intent.preparation.model_dump(mode="json"), lost_workers=0,
            reported_public=False,
        )  # fmt: skip
        return add_attempt(rows, claimed, "send", started_at=now, worker=owner, cost_micros=intent.cost)
