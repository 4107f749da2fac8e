"""Sends one signed message to one address within a time limit, and follows no redirect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException

from standardwebhooks import Webhook
from urllib3.exceptions import HTTPError

from publisher import __version__
from publisher.core.network_errors import describe_failure
from publisher.core.problems import Problem
from publisher.core.public_hosts import AddressRefused, ResolvedHost, close_after
from publisher.webhooks.hooks import WEBHOOK_PREFIX, resolve_webhook_host
from publisher.webhooks.problem_codes import SendProblem

ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
STEP_SECONDS = 10.0
"""For each single step: to connect, to send, to receive the next bytes of the answer."""
WHOLE_SECONDS = 20.0
"""For the whole request: a receiver that answers byte by byte is given up after so long."""
MAX_ADDRESSES = 2
_FORMER_ALPHABET = str.maketrans("-_", "+/")
"""Secrets that were made before the desk followed Standard Webhooks are in base64 for URLs, without padding."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """Holds the result of one try."""

    status: int | None
    """The HTTP status; None: no answer."""
    trouble: Problem | None
    """Why it failed, as a clause; None: the message was accepted."""


def signed_headers(secret: str, event: str, body: bytes, now: datetime) -> dict[str, str]:
    """Signs one try by the rules of Standard Webhooks. `event`: the id of the event, the same at every try."""
    key = secret.removeprefix(WEBHOOK_PREFIX).translate(_FORMER_ALPHABET)
    at = now.astimezone(UTC)
    return {
        ID_HEADER: event,
        TIMESTAMP_HEADER: str(int(at.timestamp())),
        SIGNATURE_HEADER: Webhook(key).sign(event, at, body.decode()),
    }


def send(url: str, secret: str, event: str, body: bytes, *, private: bool, now: datetime) -> SendResult:
    """Sends a message once. Never raises for what is wrong at the other end."""
    try:
        place = resolve_webhook_host(url, private=private)
    except AddressRefused as refusal:
        return SendResult(None, SendProblem.DESTINATION_REFUSED(why=refusal.text))
    headers = {
        "Host": place.url.netloc or "",
        "User-Agent": f"publisher/{__version__}",
        "Content-Type": "application/json",
        **signed_headers(secret, event, body, now),
    }
    result = SendResult(None, SendProblem.NO_ADDRESS())
    for address in place.addresses[:MAX_ADDRESSES]:
        result, reached = _send_to_address(place, address, headers, body)
        if reached:
            break
    return result


def _send_to_address(
    place: ResolvedHost, address: str, headers: dict[str, str], body: bytes
) -> tuple[SendResult, bool]:
    """Sends to one address. Returns the result and whether a server was reached: then no other address is tried."""
    connection = place.connection(address, STEP_SECONDS)
    reached = False
    try:
        with close_after(connection, WHOLE_SECONDS):
            connection.connect()
            reached = True
            connection.request("POST", place.url.request_uri, body, headers, preload_content=False)
            return _result_of_status(connection.getresponse().status), True
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        # Its text may quote the address, and the address may hold a secret.
        return SendResult(None, SendProblem.NO_ANSWER(why=describe_failure(error))), reached
    finally:
        connection.close()


def _result_of_status(status: int) -> SendResult:
    if 200 <= status < 300:
        return SendResult(status, None)
    if 300 <= status < 400:
        return SendResult(status, SendProblem.LEADS_ELSEWHERE(status=status))
    return SendResult(status, SendProblem.NOT_ACCEPTED(status=status))
