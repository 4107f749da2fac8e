"""What is done regularly: queue what happened, send what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from publisher.core.clock import monotonic
from publisher.core.encryption import Seal, WrongKey
from publisher.core.logs import get_logger
from publisher.desk import Desk
from publisher.webhooks import outbox
from publisher.webhooks.hooks import purpose
from publisher.webhooks.sending import SendResult, send

LONGEST = timedelta(seconds=60)
"""After so long no other message is begun; the next round goes on."""


def send_webhooks(desk: Desk, now: datetime) -> int:
    """One round, and how many messages were taken. To be called every few seconds, in a thread of its own.

    An address that fails is left alone for the rest of the round, so that it keeps no other waiting.
    Any number of processes may call it.

    Raises:
        SealError: a message is due, and `PUBLISHER_KEY` is not set; nothing is lost.
    """
    database = desk.database
    outbox.queue_new(database, desk.settings.outlet.name, now)
    if not outbox.is_any_due(database, now):
        return 0
    seal = Seal.from_environment()
    begun = monotonic()
    taken, failed = 0, set[int]()
    while (elapsed := timedelta(seconds=monotonic() - begun)) < LONGEST:
        claimed = outbox.claim(database, now + elapsed, without=failed)
        if claimed is None:
            break
        outcome = _send(desk, claimed, seal, now + elapsed)
        ended = now + timedelta(seconds=monotonic() - begun)
        outbox.record(database, claimed, status=outcome.status, trouble=outcome.trouble, now=ended)
        if outcome.trouble:
            failed.add(claimed.webhook_id)
            _tell(claimed, outcome.trouble)
        else:
            taken += 1
    return taken


def _send(desk: Desk, claimed: outbox.Claimed, seal: Seal, now: datetime) -> SendResult:
    try:
        secret = seal.unseal(claimed.secret, purpose(claimed.url))
    except WrongKey as error:
        return SendResult(None, str(error))
    private = desk.settings.web.webhooks_to_private
    return send(claimed.url, secret, claimed.event, claimed.body, private=private, now=now)


def _tell(claimed: outbox.Claimed, trouble: str) -> None:
    given_up = claimed.tries > len(outbox.PAUSES)
    log = get_logger("webhooks").bind(webhook=claimed.webhook_id, event_id=claimed.event, tries=claimed.tries)
    if given_up:
        log.error("a webhook did not take a message for three days; it is given up", why=trouble)
    else:
        log.warning("a webhook did not take a message; it is sent again later", why=trouble)
