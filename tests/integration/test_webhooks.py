"""Tests that webhooks send signed events at least once, follow no redirect, and are sent by one process at a time."""

from __future__ import annotations

import os
import re
import secrets
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.alerts.problem_codes import AlertProblem
from publisher.core.clock import FixedClock
from publisher.core.encryption import KEY_VARIABLE, EncryptionError, SecretCipher, new_key
from publisher.db.encrypted_values import encrypt_with_first_key
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.webhooks import Webhook, WebhookMessage
from publisher.desk import Desk
from publisher.lifecycle import record_delivery_event, record_event
from publisher.starter import write_starter
from publisher.webhooks import EVENTS, WebhookError, hooks, outbox, send_webhooks
from publisher.webhooks.problem_codes import SendProblem
from publisher.webhooks.sending import ID_HEADER, TIMESTAMP_HEADER, send
from tests.conftest import on_every_database
from tests.desk_site import Site, open_site, text_of
from tests.fakes import add_delivery
from tests.hook_receiver import Receiver, open_receiver
from tests.waiting import TIMEOUT

OTHER_SECRET = "whsec_" + b64encode(bytes(32)).decode()
PRIVATE = "PUBLISHER__WEB__WEBHOOKS_TO_PRIVATE"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path, database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Opens a desk on the test's database whose webhooks may go to this machine."""
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    monkeypatch.setenv(PRIVATE, "true")
    write_starter(tmp_path)
    new_desk = Desk(tmp_path / "config" / "publisher.toml", clock)
    new_desk.database = database
    return new_desk


def add_hook(desk: Desk, url: str, *events: str, greet: bool = False) -> hooks.AddedWebhook:
    """Adds a webhook, and deletes its first message unless the test wants it."""
    seal = SecretCipher.from_environment()
    added = hooks.add_webhook(desk, url, events, seal=seal, actor="test")
    if not greet:
        with desk.database.writing() as session:
            session.delete(session.scalars(select(WebhookMessage).where(WebhookMessage.webhook_id == added.id)).one())
    return added


def happen(desk: Desk, name: str = "channel paused", **detail: str) -> None:
    with desk.database.writing() as session:
        record_event(session, name, now=desk.now(), detail=dict(detail))


def messages(desk: Desk) -> list[WebhookMessage]:
    with desk.database.reading() as session:
        return list(session.scalars(select(WebhookMessage).order_by(WebhookMessage.id)))


def test_each_event_is_sent_signed_and_once(desk: Desk, receiver: Receiver) -> None:
    added = add_hook(desk, receiver.url, greet=True)
    delivery = add_delivery(desk.database, desk.now(), channel="tumblr", title="A held cell")
    with desk.database.writing() as session:
        record_delivery_event(
            session, delivery, "delivery held", now=desk.now(), detail={"problem": "Look.", "fence": 3}
        )
        record_event(session, "logged in", now=desk.now(), actor="ada@example.org")
    assert send_webhooks(desk, desk.now()) == 2
    assert send_webhooks(desk, desk.now()) == 0
    greeting, held_message = receiver.received
    assert greeting.message["event"] == "webhook added"
    assert held_message.message["event"] == "delivery held"
    assert held_message.message["delivery"]["channel"] == "tumblr"
    assert held_message.message["post"]["title"] == "A held cell"
    assert held_message.message["detail"] == {"problem": "Look."}
    assert held_message.message["problem"]["message"] == "Look."
    assert held_message.headers[ID_HEADER] == held_message.message["id"]
    assert held_message.is_signed(added.secret, desk.now())
    assert not held_message.is_signed(OTHER_SECRET, desk.now())
    assert not held_message.is_signed(added.secret, desk.now() + timedelta(minutes=6))
    for changed in (
        replace(held_message, body=held_message.body + b" "),
        replace(held_message, headers={**held_message.headers, ID_HEADER: "1"}),
        replace(held_message, headers={**held_message.headers, TIMESTAMP_HEADER: f"{desk.now().timestamp() + 60:.0f}"}),
    ):
        assert not changed.is_signed(added.secret, desk.now())


def test_a_message_carries_the_code_of_what_is_wrong(desk: Desk, receiver: Receiver) -> None:
    add_hook(desk, receiver.url)
    problem = AlertProblem.EMPTY(closes=desk.now())
    with desk.database.writing() as session:
        record_event(session, "channel in trouble", now=desk.now(), detail={"problem": problem.to_json()})
    assert send_webhooks(desk, desk.now()) == 1
    message = receiver.received[0].message
    at = f"{desk.now().astimezone(desk.settings.outlet.zone):%H:%M}"
    sentence = f"Add or approve one before {at}, and it goes out at once."
    assert message["problem"] == {
        "code": "alerts.empty",
        "parameters": {"closes": desk.now().isoformat()},
        "remedy": "show-queue",
        "message": f"{sentence} List the posts.",
    }
    assert message["detail"] == {"problem": f"{sentence} List the posts."}


def test_a_former_secret_signs_with_the_same_key(desk: Desk, receiver: Receiver) -> None:
    """Tests secrets in base64 for URLs; their receivers write them in standard base64, as the document says."""
    key = b"\xfb\xff" + secrets.token_bytes(30)
    former = "whsec_" + urlsafe_b64encode(key).decode().rstrip("=")
    assert {"-", "_"} <= set(former.removeprefix("whsec_"))
    added = add_hook(desk, receiver.url)
    with desk.database.writing() as session:
        hook = session.get_one(Webhook, added.id)
        hook.secret = SecretCipher.from_environment().encrypt(former, hooks.seal_purpose(receiver.url))
    happen(desk)
    assert send_webhooks(desk, desk.now()) == 1
    assert receiver.received[0].is_signed("whsec_" + b64encode(key).decode(), desk.now())


def test_only_what_it_wants_and_only_what_happens_from_now_on(desk: Desk, receiver: Receiver) -> None:
    happen(desk, "post approved")
    add_hook(desk, receiver.url, "post approved")
    happen(desk, "channel paused")
    happen(desk, "post approved")
    assert send_webhooks(desk, desk.now()) == 1
    assert [received.message["event"] for received in receiver.received] == ["post approved"]


def test_what_was_not_taken_is_sent_again_later_under_the_same_id(
    desk: Desk, clock: FixedClock, receiver: Receiver
) -> None:
    add_hook(desk, receiver.url)
    happen(desk, channel="x")
    receiver.statuses = [500, 503]
    assert send_webhooks(desk, desk.now()) == 0
    row = messages(desk)[0]
    assert (row.tries, row.status, str(row.trouble)) == (1, 500, "it answered 500")
    clock.advance(seconds=29)
    send_webhooks(desk, desk.now())
    assert len(receiver.received) == 1
    for seconds in (2, 121):
        clock.advance(seconds=seconds)
        send_webhooks(desk, desk.now())
    first, second, third = receiver.received
    assert first.message == second.message == third.message
    row = messages(desk)[0]
    assert (row.tries, row.status, row.trouble) == (3, 204, None)
    assert row.sent_at is not None


def test_after_three_days_it_is_given_up_and_an_admin_can_send_it_again(
    desk: Desk, clock: FixedClock, receiver: Receiver
) -> None:
    hook = add_hook(desk, receiver.url)
    happen(desk)
    begun = desk.now()
    receiver.statuses = [500] * 100
    while messages(desk) == [] or messages(desk)[0].given_up_at is None:
        send_webhooks(desk, desk.now())
        clock.advance(hours=1)
    assert timedelta(days=2, hours=20) < desk.now() - begun < timedelta(days=3, hours=12)
    tried = len(receiver.received)
    clock.advance(days=1)
    send_webhooks(desk, desk.now())
    assert len(receiver.received) == tried
    receiver.statuses = []
    assert outbox.send_again(desk.database, hook.id, messages(desk)[0].id, desk.now())
    assert send_webhooks(desk, desk.now()) == 1
    assert receiver.received[-1].message == receiver.received[0].message


@on_every_database
def test_two_senders_at_once_send_once(desk: Desk, receiver: Receiver) -> None:
    add_hook(desk, receiver.url)
    for number in range(6):
        happen(desk, channel=f"c{number}")
    start = threading.Barrier(3)

    def send_together() -> int:
        start.wait()
        return send_webhooks(desk, desk.now())

    with ThreadPoolExecutor(3) as threads:
        accepted = sum(future.result() for future in [threads.submit(send_together) for _ in range(3)])
    assert accepted == 6
    assert len({received.message["id"] for received in receiver.received}) == len(receiver.received) == 6


def test_after_a_senders_death_another_sends_under_the_same_id(
    desk: Desk, clock: FixedClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_hook(desk, receiver.url)
    happen(desk)

    class PowerCut(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr("publisher.webhooks.outbox.record", die)
        with pytest.raises(PowerCut):
            send_webhooks(desk, desk.now())
    assert send_webhooks(desk, desk.now()) == 0
    clock.advance(seconds=outbox.CLAIM_TIME.total_seconds() + 1)
    assert send_webhooks(desk, desk.now()) == 1
    first, second = receiver.received
    assert first.headers[ID_HEADER] == second.headers[ID_HEADER]
    assert first.body == second.body


def test_a_sender_that_comes_back_late_changes_nothing(desk: Desk, clock: FixedClock, receiver: Receiver) -> None:
    add_hook(desk, receiver.url)
    happen(desk)
    outbox.queue_new_events(desk.database, "o", desk.now())
    slow = outbox.claim(desk.database, desk.now())
    assert slow is not None
    clock.advance(minutes=3)
    assert send_webhooks(desk, desk.now()) == 1
    outbox.record(desk.database, slow, status=500, trouble=SendProblem.NOT_ACCEPTED(status=500), now=desk.now())
    assert messages(desk)[0].trouble is None


def test_an_event_that_becomes_visible_late_is_sent_too(desk: Desk, clock: FixedClock, receiver: Receiver) -> None:
    """Tests an event of a transaction that got its number first and ends last."""
    hook = add_hook(desk, receiver.url)
    with desk.database.reading() as session:
        newest = hooks.newest_event_id(session)
    for number in (newest + 2, newest + 1):
        with desk.database.writing() as session:
            session.add(Event(id=number, at=desk.now(), name="channel paused"))
        assert send_webhooks(desk, desk.now()) == 1
        clock.advance(minutes=1)
    clock.advance(minutes=10)
    assert send_webhooks(desk, desk.now()) == 0
    with desk.database.reading() as session:
        assert session.get_one(Webhook, hook.id).last_event == newest + 2


def test_a_redirect_is_not_followed(desk: Desk, receiver: Receiver) -> None:
    add_hook(desk, receiver.url)
    happen(desk)
    receiver.statuses = [307]
    assert send_webhooks(desk, desk.now()) == 0
    assert len(receiver.received) == 1
    assert "leads elsewhere" in str(messages(desk)[0].trouble)


def test_a_dead_address_keeps_no_other_waiting(desk: Desk, receiver: Receiver) -> None:
    with open_receiver() as closed_receiver:
        dead = closed_receiver.url
    add_hook(desk, dead)
    add_hook(desk, receiver.url)
    for _ in range(3):
        happen(desk)
    assert send_webhooks(desk, desk.now()) == 3
    tried = [row.tries for row in messages(desk) if row.sent_at is None]
    assert sorted(tried) == [0, 0, 1]
    assert all("127.0.0.1" not in str(row.trouble) for row in messages(desk))


def test_a_receiver_that_drips_is_left(desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.webhooks.sending.WHOLE_SECONDS", 0.2)
    release = threading.Event()
    receiver.while_answering = lambda: release.wait(TIMEOUT)
    outcome = send(receiver.url, OTHER_SECRET, "1", b"{}", private=True, now=desk.now())
    release.set()
    assert outcome.status is None
    assert str(outcome.trouble).startswith("it gave no answer")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://ada:secret@example.org/",
        "ftp://example.org/",
        "nonsense",
    ],
)
def test_addresses_of_our_own_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(PRIVATE, "false")
    with pytest.raises(WebhookError):
        add_hook(desk, url)
    if "secret" not in url:
        assert send(url, OTHER_SECRET, "1", b"{}", private=False, now=desk.now()).status is None


def test_a_name_that_moves_to_a_private_address_is_not_followed_there(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that the name is resolved and checked at every try, and that only the checked address is used."""
    add_hook(desk, receiver.url)
    happen(desk)
    monkeypatch.setenv(PRIVATE, "false")
    fresh = Desk(desk.config, desk.clock)
    fresh.database = desk.database
    assert send_webhooks(fresh, desk.now()) == 0
    assert receiver.received == []
    assert "is no public address" in str(messages(desk)[0].trouble)


def test_even_private_webhooks_never_reach_the_metadata_of_a_cloud(desk: Desk) -> None:
    with pytest.raises(WebhookError, match="no public address"):
        add_hook(desk, "http://169.254.169.254/latest/meta-data")


def test_without_the_key_nothing_is_sent_and_nothing_lost(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_hook(desk, receiver.url)
    happen(desk)
    with monkeypatch.context() as patch:
        patch.delenv(KEY_VARIABLE)
        with pytest.raises(EncryptionError, match="publisher key new"):
            send_webhooks(desk, desk.now())
    assert messages(desk)[0].tries == 0
    assert send_webhooks(desk, desk.now()) == 1


def test_the_secret_lies_sealed_and_comes_under_a_new_key(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = add_hook(desk, receiver.url)
    with desk.database.reading() as session:
        assert added.secret not in session.get_one(Webhook, added.id).secret
    old, fresh = os.environ[KEY_VARIABLE], new_key()
    with desk.database.writing() as session:
        assert encrypt_with_first_key(session, SecretCipher(f"{fresh} {old}")).resealed == 1
    monkeypatch.setenv(KEY_VARIABLE, fresh)
    happen(desk)
    assert send_webhooks(desk, desk.now()) == 1
    assert receiver.received[0].is_signed(added.secret, desk.now())


def test_a_webhook_switched_off_gets_nothing_and_then_only_new_events(desk: Desk, receiver: Receiver) -> None:
    added = add_hook(desk, receiver.url)
    hooks.set_webhook_active(desk.database, added.id, False, now=desk.now(), actor="t")
    happen(desk, channel="quiet")
    assert send_webhooks(desk, desk.now()) == 0
    hooks.set_webhook_active(desk.database, added.id, True, now=desk.now(), actor="t")
    happen(desk, channel="loud")
    assert send_webhooks(desk, desk.now()) == 1
    assert receiver.received[0].message["detail"] == {"channel": "loud"}


@on_every_database
def test_messages_go_after_ninety_days_and_are_not_sent_anew(desk: Desk, receiver: Receiver, clock: FixedClock) -> None:
    added = add_hook(desk, receiver.url)
    happen(desk, channel="old")
    assert send_webhooks(desk, desk.now()) == 1
    clock.advance(days=89)
    with desk.database.writing() as session:
        session.get_one(Webhook, added.id).last_event = 0
    assert outbox.delete_old_messages(desk.database, desk.now() + timedelta(days=2)) == 0, (
        "its event may be looked at again"
    )
    happen(desk, channel="young")
    assert send_webhooks(desk, desk.now()) == 1
    assert outbox.delete_old_messages(desk.database, desk.now()) == 0
    clock.advance(days=2)
    assert send_webhooks(desk, desk.now()) == 0
    assert outbox.delete_old_messages(desk.database, desk.now()) == 1
    assert [message.body for message in messages(desk)] == [receiver.received[1].body]
    assert send_webhooks(desk, desk.now()) == 0
    assert len(receiver.received) == 2


def test_admins_add_look_send_again_and_remove(desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_site(desk) as site:
        page_acts(site, receiver, monkeypatch)


def page_acts(site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.client("admin")
    with monkeypatch.context() as patch:
        patch.delenv(KEY_VARIABLE)
        refused = client.send_form("/webhooks", {"url": receiver.url})
    assert refused.status_code == 422
    assert "publisher key new" in refused.text
    assert f'value="{receiver.url}"' in refused.text
    answer = client.send_form("/webhooks", {"url": receiver.url, "events": ["post approved"]})
    secret = re.search(r"<code>(whsec_[\w+/]{43}=)</code>", answer.text)
    assert secret
    assert secret[1] not in client.get("/webhooks").text
    assert "has a webhook already" in client.send_form("/webhooks", {"url": receiver.url}).text
    receiver.statuses = [418]
    send_webhooks(site.desk, site.desk.now())
    log = text_of(client.get("/webhooks/1"))
    assert "webhook added" in log
    assert "it answered 418" in log
    client.send_form("/webhooks/1/messages/1/again")
    send_webhooks(site.desk, site.desk.now())
    assert "HTTP 204" in text_of(client.get("/webhooks/1"))
    assert receiver.received[-1].is_signed(secret[1], site.desk.now())
    client.send_form("/webhooks/1/active", {"active": "false"})
    assert "Switch it on" in client.get("/webhooks/1").text
    client.send_form("/webhooks/1/remove")
    assert client.get("/webhooks/1").status_code == 404
    assert client.send_form("/webhooks/1/messages/1/again").status_code == 404


def test_every_event_that_is_offered_is_one_that_the_desk_records() -> None:
    """Checks the names, since an event with an unknown name would silently be sent to nobody."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(hooks.__file__).parents[1].rglob("*.py")
        if path.parent.name != "webhooks"
    )
    for name in EVENTS:
        assert f'"{name}"' in source or name.startswith("delivery "), name
