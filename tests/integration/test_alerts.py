"""Tests that alerts are sent once when something needs a person and once when it is over, also when nothing runs."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from publisher.alerts import Notifier, store
from publisher.alerts.addresses import PING_VARIABLE, URLS_VARIABLE
from publisher.core.clock import FixedClock
from publisher.core.content import Publication
from publisher.core.logs import configure_logs
from publisher.core.problems import recorded_problem
from publisher.core.states import State
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.operations import Alert, Channel, Process
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.operate import cancel, retry
from publisher.desk import Desk
from publisher.health import record_heartbeat
from publisher.lifecycle import Move, move, record_delivery_event, record_event
from publisher.lifecycle_late_success import record_late_success
from publisher.schedule.picking import pick_slot
from publisher.schedule.restore_gap import close_gap
from publisher.schedule.slots import slot_day
from publisher.starter import write_starter
from tests.conftest import WriteDesk
from tests.fakes import add_delivery
from tests.outlet import environment
from tests.post_box import PostBox, open_post_box

# One of Apprise's services brings a module along that later versions of Python don't have.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")

SECOND = "json://127.0.0.1:{port}/second"


@pytest.fixture
def box() -> Iterator[PostBox]:
    with open_post_box() as opened:
        yield opened


@contextmanager
def open_desk(folder: Path, clock: FixedClock, box: PostBox, database: str, **variables: str) -> Iterator[Desk]:
    """Opens a desk whose queue nobody expects to be full."""
    write_starter(folder / "outlet")
    values = {
        "PUBLISHER__STORAGE__DATABASE": database,
        "PUBLISHER__NOTIFY__DAYS_OF_COVER": "0",
        URLS_VARIABLE: box.apprise,
        PING_VARIABLE: "",
        **variables,
    }
    with environment(values):
        desk = Desk(folder / "outlet" / "config" / "publisher.toml", clock)
        yield desk
        desk.database.close()


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock, box: PostBox) -> Iterator[Desk]:
    write_desk(tmp_path / "outlet")
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db") as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def any_desk(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock, box: PostBox) -> Iterator[Desk]:
    url = "sqlite:///queue.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with open_desk(tmp_path, clock, box, url) as opened:
        yield opened


def delivery_of(desk: Desk, clock: FixedClock, **values: object) -> int:
    """On x, an hour before its deadline."""
    clock.instant = clock.instant.replace(hour=8, minute=0)
    return add_delivery(desk.database, clock.now(), channel="x", title="A cell", **values)  # type: ignore[arg-type]


def go(desk: Desk, delivery: int, *states: State, problem: str = "") -> None:
    for state in states:
        with desk.database.writing() as session:
            row = session.get_one(Delivery, delivery)
            values: dict[str, Any] = {"problem": recorded_problem(problem) if problem else None}
            if state in (State.PREPARING, State.PUBLISHING):
                values |= {"lease_owner": "me", "lease_until": desk.now() + timedelta(minutes=1)}
            if state == State.PUBLISHING:
                values["idempotency_key"] = f"key-{delivery}"
            if state == State.PUBLISHED:
                values |= {"remote_id": "1", "remote_url": "https://x.com/cells/1", "published_at": desk.now()}
            move(
                session, delivery, Move(State(row.state), state, raise_fence=True), fence=row.fence, now=desk.now(),
                **values,
            )  # fmt: skip


def publish(desk: Desk, delivery: int) -> None:
    go(desk, delivery, State.PREPARING, State.PUBLISHING, State.PUBLISHED)


def publish_after_all(desk: Desk, delivery: int) -> None:
    retry(desk.database, delivery, now=desk.now(), actor="me")
    publish(desk, delivery)


def empty_day(desk: Desk) -> None:
    with desk.database.writing() as session:
        session.add(Pick(slot=desk.now().date(), reason="empty", picked_at=desk.now()))


def fill_day(desk: Desk) -> None:
    now = desk.now()
    with desk.database.writing() as session:
        post = Post(state="approved", approved_at=now, position=1, title="At last", created_at=now, updated_at=now)
        pick = session.scalars(select(Pick).where(Pick.reason == "empty")).one()
        pick.post, pick.reason = post, "queue"


def pause(desk: Desk, paused: bool) -> None:
    with desk.database.writing() as session:
        row = session.get_one(Channel, "x")
        row.paused_at = desk.now() if paused else None
        row.pause_problem = recorded_problem("The password was changed") if paused else None


def in_trouble(desk: Desk) -> None:
    with desk.database.writing() as session:
        detail = {"channel": "x", "problem": "5 tries in a row got no answer"}
        record_event(session, "channel in trouble", now=desk.now(), detail=detail)


def adopt_unread(desk: Desk, delivery: int) -> None:
    adopt(desk.database, desk.channels, AdoptionRequest(delivery, "1", unread=True), now=desk.now(), actor="me")


Act = Callable[[Desk, int], object]
CASES: dict[str, tuple[Act, str, str, Act, str]] = {
    "held": (
        lambda desk, delivery: go(desk, delivery, State.HELD, problem="The picture is too large."),
        "X: “A cell” is held",
        "The picture is too large.\n→ publisher retry {id}",
        adopt_unread,
        "Published at 09:01 on 2026-05-04: https://x.com/i/web/status/1",
    ),
    "failed": (
        lambda desk, delivery: go(desk, delivery, State.PREPARING, State.FAILED, problem="Refused"),
        "X: “A cell” failed",
        "Refused.\n→ publisher retry {id}",
        lambda desk, delivery: cancel(desk.database, delivery, now=desk.now(), actor="me"),
        "It was canceled.",
    ),
    "missed": (
        lambda desk, delivery: go(desk, delivery, State.MISSED, problem="Too late"),
        "X: “A cell” was missed",
        "Too late.\n→ publisher retry {id}",
        publish_after_all,
        "Published at 09:01 on 2026-05-04: https://x.com/cells/1",
    ),
    "paused": (
        lambda desk, delivery: pause(desk, True),
        "X: the channel is paused",
        "The password was changed.\n→ publisher resume x",
        lambda desk, delivery: pause(desk, False),
        "The channel publishes again.",
    ),
    "silent": (
        lambda desk, delivery: in_trouble(desk),
        "X: the platform gives no answers",
        "5 tries in a row got no answer.\n→ publisher deliveries",
        publish,
        "The platform answers again.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_trouble_is_alerted_once_its_end_once_and_its_return_again(
    desk: Desk, clock: FixedClock, box: PostBox, name: str
) -> None:
    begin, title, message, end, ending = CASES[name]
    delivery = delivery_of(desk, clock)
    notifier = Notifier(desk)
    notifier.notify(clock.now())
    assert box.messages == []
    begin(desk, delivery)
    for _ in range(3):
        notifier.notify(clock.now())
        clock.advance(seconds=20)
    assert box.titles == [title]
    assert box.bodies == f"✗ {title}\n{message.format(id=delivery)}"
    end(desk, delivery)
    for _ in range(3):
        notifier.notify(clock.now())
        clock.advance(seconds=20)
    assert box.titles == [title, f"over: {title}"]
    assert ending in box.bodies
    with desk.database.reading() as session:
        alert = session.scalars(select(Alert)).one()
        assert alert.sent_at
        assert alert.closed_at == alert.end_sent_at
    if name in ("paused", "silent"):
        begin(desk, delivery)
        notifier.notify(clock.now())
        assert box.titles == [title, f"over: {title}", title]
        with desk.database.reading() as session:
            assert len(set(session.scalars(select(Alert.occurrence)))) == 2


def test_a_retry_ends_no_alert_and_a_second_failure_is_a_new_one(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    delivery = delivery_of(desk, clock)
    notifier = Notifier(desk)
    go(desk, delivery, State.HELD, problem="First")
    notifier.notify(clock.now())
    retry(desk.database, delivery, now=clock.now(), actor="me")
    notifier.notify(clock.now())
    assert len(box.messages) == 1
    # Held again before anybody looked: one more message, and none that the first is over.
    go(desk, delivery, State.PREPARING, State.HELD, problem="Second")
    notifier.notify(clock.now())
    assert [message["title"][-4:] for message in box.messages] == ["held", "held"]
    assert "Second" in box.messages[1]["message"]
    retry(desk.database, delivery, now=clock.now(), actor="me")
    publish(desk, delivery)
    notifier.notify(clock.now())
    assert box.titles[2:] == ["over: X: “A cell” is held"]


def test_what_may_be_public_is_never_just_retried(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    delivery = delivery_of(desk, clock)
    go(desk, delivery, State.HELD, problem="Not known")
    with desk.database.writing() as session:
        session.get_one(Delivery, delivery).unknown_since = clock.now()
    Notifier(desk).notify(clock.now())
    assert f"publisher adopt {delivery} LINK if it is there, else publisher retry {delivery} --i-have-looked" in (
        box.bodies
    )


def test_second_copies_and_differences_are_reported_and_need_no_end(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    delivery = delivery_of(desk, clock)
    publish(desk, delivery)
    with desk.database.writing() as session:
        record_late_success(session, delivery, Publication(remote_id="2", url="https://x.com/cells/2"), clock.now())
        record_delivery_event(
            session, delivery, "read back differs", now=clock.now(), detail={"problem": "No alt text"}
        )
    notifier = Notifier(desk)
    for _ in range(9):
        notifier.notify(clock.now())
        clock.advance(days=1)
    assert box.titles[0] == "2 things need a person"
    first = box.messages[0]["message"]
    assert "is public twice\nhttps://x.com/cells/1 and https://x.com/cells/2; remove one by hand." in first
    assert "is not shown as it was sent\nNo alt text.\n→ https://x.com/cells/1" in first
    assert not any("public twice" in message["message"] for message in box.messages[1:])
    with desk.database.reading() as session:
        assert not session.scalars(select(Alert).where(Alert.kind == "differs", Alert.closed_at.is_(None))).all()


def test_an_empty_day_is_reported_until_it_is_filled(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    clock.instant = clock.instant.replace(hour=8)
    empty_day(desk)
    notifier = Notifier(desk)
    # Known to be empty, it is not told once more for each channel when their deadlines are over.
    for _ in range(3):
        notifier.notify(clock.now())
        clock.advance(minutes=40)
    assert box.titles == ["Today has no post"]
    fill_day(desk)
    notifier.notify(clock.now())
    assert box.titles[1:] == ["over: Today has no post"]
    assert "“At last” fills it." in box.bodies


def test_after_a_restore_the_unknown_day_and_waiting_posts_are_reported(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    now = clock.now()
    with desk.database.writing() as session:
        posts = [
            Post(state="approved", approved_at=now, position=n, title=f"Cell {n}", created_at=now, updated_at=now)
            for n in range(3)
        ]
        session.add_all(posts)
        session.flush()
        close_gap(session, desk.settings, since=now - timedelta(hours=2), now=now)
    notifier = Notifier(desk)
    notifier.notify(clock.now())
    assert box.titles == ["2 things need a person"]
    day = f"{slot_day(now, desk.settings.outlet.zone):%A %Y-%m-%d}"
    assert f"Nobody knows what was shown on {day}" in box.bodies
    assert "After the restore, posts wait to be approved again" in box.bodies
    assert "went by without a post" not in box.bodies
    with desk.database.writing() as session:
        record_event(session, "post approved", now=clock.now(), post_id=posts[0].id)
        session.get_one(Post, posts[1].id).state = "withdrawn"
    notifier.notify(clock.now())
    assert len(box.titles) == 1
    with desk.database.writing() as session:
        record_event(session, "post approved", now=clock.now(), post_id=posts[2].id)
    notifier.notify(clock.now())
    assert box.titles[1:] == ["over: After the restore, posts wait to be approved again"]


def test_a_thin_queue_is_reported_once_however_many_days_go_by(tmp_path: Path, clock: FixedClock, box: PostBox) -> None:
    # 08:30 in London: the day's post was not picked yet.
    clock.instant = clock.instant.replace(hour=7, minute=30)
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", PUBLISHER__NOTIFY__DAYS_OF_COVER="3") as desk:
        notifier = Notifier(desk)
        cover(desk, 3)
        notifier.notify(clock.now())
        assert box.titles == []
        clock.advance(days=1)
        cover(desk, 2)
        for _ in range(2):
            notifier.notify(clock.now())
        assert box.titles == ["The queue runs dry: only 2 days have a post"]
        assert "The first empty day is Thursday 2026-05-07" in box.bodies
        # Just enough is no end: the next day's pick would open it again.
        cover(desk, 3)
        notifier.notify(clock.now())
        assert len(box.titles) == 1
        cover(desk, 4)
        notifier.notify(clock.now())
        assert box.titles[1:] == ["over: The queue runs dry: only 2 days have a post"]


def cover(desk: Desk, days: int) -> None:
    """Exactly so many posts in the queue."""
    now = desk.now()
    with desk.database.writing() as session:
        for post in session.scalars(select(Post)):
            session.delete(post)
        for number in range(days):
            session.add(
                Post(state="approved", approved_at=now, position=number, title="P", created_at=now, updated_at=now)
            )


def test_a_deadline_is_kept_where_nobody_works(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    on_x = delivery_of(desk, clock)
    on_tumblr = sibling(desk, on_x, "tumblr")
    canceled = sibling(desk, on_x, "instagram")
    cancel(desk.database, canceled, now=clock.now(), actor="me")
    notifier = Notifier(desk)
    clock.advance(minutes=29, seconds=59)
    notifier.notify(clock.now())
    assert box.messages == []
    clock.advance(seconds=1)
    publish(desk, on_tumblr)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles == ["X: the post of Monday 2026-05-04 is not out"]
    assert f"by 09:30 on 2026-05-04. It is pending.\n→ publisher log {on_x}" in box.bodies
    publish(desk, on_x)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles[1:] == ["over: X: the post of Monday 2026-05-04 is not out"]


def test_a_deadline_is_kept_where_nobody_picks(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    delivery_of(desk, clock)
    clock.advance(days=1, minutes=31)
    with desk.database.writing() as session:
        session.execute(select(Delivery))
        for row in session.scalars(select(Delivery)):
            row.state, row.remote_id, row.published_at = "published", "1", row.scheduled_at
    notifier = Notifier(desk)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles == ["3 things need a person"]
    assert box.bodies.count("Nobody has picked a post for the day: no scheduler runs.\n→ publisher run") == 3
    # By night the day is over; the next one has its own deadline.
    clock.advance(hours=23, minutes=30)
    notifier.notify(clock.now())
    clock.advance(minutes=30)
    notifier.notify(clock.now())
    assert box.titles[1:] == ["3 things need a person"]


def sibling(desk: Desk, delivery: int, channel: str) -> int:
    """Adds a delivery of the same pick on another channel."""
    with desk.database.writing() as session:
        row = session.get_one(Delivery, delivery)
        other = Delivery(
            pick_id=row.pick_id, channel_name=channel, due_at=row.due_at, scheduled_at=row.scheduled_at,
            expires_at=row.expires_at, token=f"token-{channel}", adapted=row.adapted,
        )  # fmt: skip
        session.add(other)
        session.flush()
        return other.id


@pytest.mark.parametrize("hour", [8, 13, 21])
def test_a_new_desk_sends_no_alert_of_earlier_events(desk: Desk, clock: FixedClock, box: PostBox, hour: int) -> None:
    clock.instant = clock.instant.replace(hour=hour)
    notifier = Notifier(desk)
    notifier.notify(clock.now())
    record_heartbeat(desk.database, "here", "scheduler worker", clock.now())
    notifier.notify(clock.now())
    pick_slot(desk.database, desk.settings, desk.targets, desk.people, clock.now())
    for _ in range(4):
        notifier.notify(clock.now())
        clock.advance(minutes=20)
    # An empty queue is worth a word; days and deadlines before the first start are not.
    assert box.titles == ([] if hour == 21 else ["Today has no post"])


def test_a_desk_that_never_picked_is_expected_to_from_its_start(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    with desk.database.writing() as session:
        session.add(Process(owner="web", role="web", started_at=clock.now(), seen_at=clock.now()))
    notifier = Notifier(desk)
    notifier.notify(clock.now() + timedelta(minutes=29))
    assert box.titles == []
    notifier.notify(clock.now() + timedelta(minutes=30))
    assert box.titles == ["3 things need a person"]


def test_days_that_went_by_are_reported_in_one_message(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    publish(desk, delivery_of(desk, clock))
    clock.advance(days=4)
    pick_slot(desk.database, desk.settings, desk.targets, desk.people, clock.now())
    notifier = Notifier(desk)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles == ["4 things need a person"]
    assert [f"{day} went by" in box.bodies for day in ("2026-05-05", "2026-05-06", "2026-05-07")] == [True] * 3


def test_a_bad_morning_is_one_message_with_links(tmp_path: Path, clock: FixedClock, box: PostBox) -> None:
    with open_desk(
        tmp_path, clock, box, "sqlite:///queue.db", PUBLISHER__NOTIFY__LINK="https://desk.example.org/"
    ) as desk:
        delivery = delivery_of(desk, clock)
        pause(desk, True)
        go(desk, delivery, State.HELD, problem="The password was changed")
        Notifier(desk).notify(clock.now())
    assert box.titles == ["2 things need a person"]
    assert f"→ https://desk.example.org/deliveries/{delivery}" in box.bodies


def at_once(acts: Sequence[Callable[[], None]]) -> None:
    """Runs each act in a thread of its own, all begun together."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        gate.wait()
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_processes_at_once_send_one_alert(any_desk: Desk, clock: FixedClock, box: PostBox) -> None:
    deliveries = [
        add_delivery(any_desk.database, clock.now(), channel="x", day_offset=number, title=f"Cell {number}")
        for number in range(1, 6)
    ]
    desks = [any_desk, *(Desk(any_desk.config, clock) for _ in range(3))]
    notifiers = [Notifier(desk) for desk in desks]
    for notifier in notifiers:
        notifier.notify(clock.now())
    for state in (State.HELD, State.CANCELED):
        for delivery in deliveries:
            go(any_desk, delivery, state)
        at_once([partial(notifier.notify, clock.now()) for notifier in notifiers])
    for desk in desks[1:]:
        desk.database.close()
    bodies = "\n".join(str(message["message"]) for message in box.messages)
    for delivery in deliveries:
        title = f"X: “Cell {delivery}” is held"
        assert (bodies.count(f"✗ {title}"), bodies.count(f"✓ over: {title}")) == (1, 1)


def test_a_failing_address_is_retried_and_the_others_get_alerts_once(
    tmp_path: Path, clock: FixedClock, box: PostBox
) -> None:
    second = SECOND.format(port=box.port)
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", **{URLS_VARIABLE: f"{second} {box.apprise}"}) as desk:
        box.statuses["/second"] = 500
        delivery = delivery_of(desk, clock)
        go(desk, delivery, State.HELD)
        log = io.StringIO()
        configure_logs(stream=log, json=True)
        notifier = Notifier(desk)
        tried_at = []
        for second_of_trial in range(0, 240, 10):
            before = box.requests.count("POST /second")
            notifier.notify(clock.now())
            if box.requests.count("POST /second") > before:
                tried_at.append(second_of_trial)
            clock.advance(seconds=10)
        configure_logs(stream=sys.stderr, json=True)
        assert tried_at == [0, 30, 90, 210]
        assert box.requests.count("POST /notify") == 1
        assert log.getvalue().count("sending alerts to an address failed") == 1
        assert "sekrit-word" not in log.getvalue()
        assert "Failed to send" not in log.getvalue()
        with desk.database.reading() as session:
            send_error = session.scalars(select(Alert.send_error)).one()
        assert str(send_error) == "address 1 (json): it answered 500"
        box.statuses.clear()
        clock.advance(minutes=10)
        notifier.notify(clock.now())
        notifier.notify(clock.now())
        assert (box.requests.count("POST /notify"), box.requests.count("POST /second")) == (1, 5)
        cancel(desk.database, delivery, now=clock.now(), actor="me")
        notifier.notify(clock.now())
        assert (box.requests.count("POST /notify"), box.requests.count("POST /second")) == (2, 6)


def test_trouble_that_ended_before_it_was_sent_is_sent_as_ended(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    box.statuses["/notify"] = 500
    delivery = delivery_of(desk, clock)
    go(desk, delivery, State.HELD)
    notifier = Notifier(desk)
    notifier.notify(clock.now())
    cancel(desk.database, delivery, now=clock.now(), actor="me")
    notifier.notify(clock.now())
    box.statuses.clear()
    clock.advance(hours=2)
    notifier.notify(clock.now())
    assert box.titles == ["over: X: “A cell” is held"]


def test_a_death_between_sending_and_recording_sends_again(
    desk: Desk, clock: FixedClock, box: PostBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(desk, delivery_of(desk, clock), State.HELD)

    def die(*args: object, **values: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(store, "record", die)
        with pytest.raises(SystemExit):
            Notifier(desk).notify(clock.now())
    Notifier(desk).notify(clock.now())
    assert len(box.messages) == 1
    clock.advance(minutes=2)
    for _ in range(2):
        Notifier(desk).notify(clock.now())
    assert len(box.messages) == 2


def test_without_an_address_nothing_piles_up(tmp_path: Path, clock: FixedClock, box: PostBox) -> None:
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", **{URLS_VARIABLE: ""}) as desk:
        over, stays = (delivery_of(desk, clock, day_offset=day) for day in (0, 1))
        for delivery in (over, stays):
            go(desk, delivery, State.HELD)
        Notifier(desk).notify(clock.now())
        cancel(desk.database, over, now=clock.now(), actor="me")
        Notifier(desk).notify(clock.now())
        with environment({URLS_VARIABLE: box.apprise}):
            Notifier(desk).notify(clock.now() + timedelta(days=1, minutes=1))
    assert len(box.messages) == 1
    assert box.bodies.count("“A cell” is held") == 1


def test_the_ping_says_that_all_is_well_and_nothing_else(tmp_path: Path, clock: FixedClock, box: PostBox) -> None:
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", **{PING_VARIABLE: box.url("/ping")}) as desk:
        notifier = Notifier(desk)

        def pings(**later: float) -> int:
            """Counts the pings of a round, after so long."""
            clock.advance(**later)
            before = len(box.requests)
            notifier.notify(clock.now())
            return box.requests[before:].count("GET /ping")

        delivery = delivery_of(desk, clock)
        assert pings() == 0, "no scheduler lives"
        live(desk)
        assert pings() == 1
        assert pings(minutes=4, seconds=30) == 0, "it was requested just before"
        publish_later = clock.now() + timedelta(minutes=40)
        reschedule(desk, delivery, publish_later)
        live(desk)
        assert pings(seconds=30) == 1
        clock.advance(minutes=25)
        live(desk)
        assert pings() == 0, "a post is past its deadline"
        publish(desk, delivery)
        assert pings() == 1
        clock.advance(minutes=6)
        assert pings() == 0, "the scheduler was not heard of for minutes"


def live(desk: Desk) -> None:
    record_heartbeat(desk.database, "here", "scheduler worker", desk.now())


def reschedule(desk: Desk, delivery: int, at: datetime) -> None:
    with desk.database.writing() as session:
        session.get_one(Delivery, delivery).due_at = at


def test_a_failing_ping_is_logged_once_and_its_address_never(tmp_path: Path, clock: FixedClock, box: PostBox) -> None:
    box.statuses["/sekrit-path"] = 302
    box.redirects["/sekrit-path"] = box.url("/elsewhere")
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", **{PING_VARIABLE: box.url("/sekrit-path")}) as desk:
        log = io.StringIO()
        configure_logs(stream=log, json=True)
        notifier = Notifier(desk)
        for _ in range(3):
            live(desk)
            notifier.notify(clock.now())
            clock.advance(minutes=5)
        configure_logs(stream=sys.stderr, json=True)
    assert box.requests.count("GET /sekrit-path") == 3
    assert "GET /elsewhere" not in box.requests
    assert log.getvalue().count("requesting the address of the dead-man's switch failed") == 1
    assert "sekrit-path" not in log.getvalue()


def test_a_round_on_a_broken_database_is_reported_once_and_never_raises(
    tmp_path: Path, clock: FixedClock, box: PostBox
) -> None:
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", **{PING_VARIABLE: box.url("/ping")}) as desk:
        live(desk)
        with desk.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE alert RENAME TO gone")
        log = io.StringIO()
        configure_logs(stream=log, json=True)
        notifier = Notifier(desk)
        for _ in range(2):
            notifier.notify(clock.now())
        with desk.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO alert")
        notifier.notify(clock.now())
        configure_logs(stream=sys.stderr, json=True)
    assert log.getvalue().count("sending alerts failed") == 1
    assert log.getvalue().count("sending alerts works again") == 1
    assert box.requests == ["GET /ping"]


def test_events_of_long_ago_are_no_news(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    delivery = delivery_of(desk, clock)
    go(desk, delivery, State.HELD)
    clock.advance(days=8)
    with desk.database.reading() as session:
        assert session.scalars(select(Event.name).order_by(Event.id)).all()[-1] == "delivery held"
    Notifier(desk).notify(clock.now())
    assert "is held" not in box.bodies


def test_a_budget_that_is_nearly_spent_is_reported_once_in_its_month(
    tmp_path: Path, clock: FixedClock, box: PostBox
) -> None:
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db", PUBLISHER__CHANNELS__X__MONTHLY_BUDGET="0.20") as desk:
        delivery = delivery_of(desk, clock)
        publish(desk, delivery)
        spend(desk, delivery, micros=159_999)
        Notifier(desk).notify(clock.now())
        assert "budget" not in box.bodies
        spend(desk, delivery, micros=1)
        for _ in range(2):
            Notifier(desk).notify(clock.now())
        clock.advance(days=40)
        Notifier(desk).notify(clock.now())
    assert [title for title in box.titles if "budget" in title] == ["X: the month's budget is nearly spent"]
    assert "raise channels.x.monthly_budget" in box.bodies


def spend(desk: Desk, delivery: int, *, micros: int) -> None:
    with desk.database.writing() as session:
        values = {"kind": "send", "fence": 1, "worker": "me", "started_at": desk.now(), "outcome": "published"}
        session.add(Attempt(delivery_id=delivery, cost_micros=micros, **values))
