"""Queues new events and sends the messages that are due."""

from __future__ import annotations

from datetime import datetime, timedelta

from publisher.core.clock import monotonic
from publisher.core.encryption import SecretCipher, WrongKey
from publisher.core.logs import get_logger
from publisher.core.messages import reading_as
from publisher.desk import Desk
from publisher.settings.alert_reader import program_reader
from publisher.webhooks import outbox
from publisher.webhooks.hooks import seal_purpose
from publisher.webhooks.problem_codes import SendProblem
from publisher.webhooks.sending import SendResult, send

MAX_DISPATCH_TIME = timedelta(seconds=60)
"""After so long no other message is begun; the next call goes on."""


def send_webhooks(desk: Desk, now: datetime) -> int:
    """Queues and sends, and returns how many messages were accepted. Call it every few seconds, in its own thread.

    An address that fails gets nothing more in this call, so that it delays no other address.
    Any number of processes may call it.

    Raises:
        SealError: a message is due, and `PUBLISHER_KEY` is not set; nothing is lost.
    """
    database = desk.database
    with reading_as(program_reader(desk.settings)):
        outbox.queue_new_events(database, desk.settings.outlet.name, now)
    if not outbox.is_any_due(database, now):
        return 0
    seal = SecretCipher.from_environment()
    started = monotonic()
    accepted, failed_webhooks = 0, set[int]()
    while (elapsed := timedelta(seconds=monotonic() - started)) < MAX_DISPATCH_TIME:
        claimed = outbox.claim(database, now + elapsed, without=failed_webhooks)
        if claimed is None:
            break
        result = _send(desk, claimed, seal, now + elapsed)
        ended = now + timedelta(seconds=monotonic() - started)
        outbox.record(database, claimed, status=result.status, trouble=result.trouble, now=ended)
        if result.trouble:
            failed_webhooks.add(claimed.webhook_id)
            _log_failure(claimed, str(result.trouble))
        else:
            accepted += 1
    return accepted


def _send(desk: Desk, claimed: outbox.ClaimedMessage, seal: SecretCipher, now: datetime) -> SendResult:
    try:
        secret = seal.decrypt(claimed.secret, seal_purpose(claimed.url))
    except WrongKey as error:
        return SendResult(None, SendProblem.SECRET_UNREADABLE(why=error.text))
    private = desk.settings.web.webhooks_to_private
    return send(claimed.url, secret, claimed.event, claimed.body, private=private, now=now)


def _log_failure(claimed: outbox.ClaimedMessage, reason: str) -> None:
    given_up = claimed.tries > len(outbox.RETRY_PAUSES)
    log = get_logger("webhooks").bind(webhook=claimed.webhook_id, event_id=claimed.event, tries=claimed.tries)
    if given_up:
        log.error("a webhook did not accept a message for three days; it is given up", why=reason)
    else:
        log.warning("a webhook did not accept a message; it is sent again later", why=reason)
