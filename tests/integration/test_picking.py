"""Tests that the post of the day is picked, on a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target, adapt_post
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import AdaptedPost, ContentProblem, SourcePost
from publisher.core.problems import recorded_problem
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.posts.channel_rows import sync_channels
from publisher.schedule import picking
from publisher.schedule.choice import Choice, choose_post
from publisher.schedule.picking import PickOutcome
from publisher.settings import ReserveSettings
from tests.conftest import on_every_database
from tests.queue_desk import Desk, open_desk

NINE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
"""Nine in the morning in London."""
MONDAY = date(2026, 5, 4)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path)


# --- the day's post --------------------------------------------------------------------------


def test_nothing_happens_before_the_hour(desk: Desk) -> None:
    desk.post("one", NINE)
    assert desk.pick(NINE - timedelta(seconds=1)) == PickOutcome(MONDAY, "nothing")
    assert desk.picks() == []


@on_every_database
def test_the_first_post_goes_to_every_channel_at_its_hour(desk: Desk) -> None:
    post = desk.post("one", NINE)
    desk.post("two", NINE)

    outcome = desk.pick(NINE)

    [pick] = desk.picks()
    assert (outcome.result, outcome.pick_id, outcome.post_id) == ("picked", pick.id, post)
    assert (pick.slot, pick.reason, pick.post_id) == (MONDAY, "queue", post)
    assert desk.load(post).last_shown_on == MONDAY
    web, mail = pick.deliveries
    assert (web.channel_name, web.state, web.due_at) == ("web", "pending", NINE)
    assert (mail.channel_name, mail.state, mail.due_at) == ("mail", "pending", NINE + timedelta(minutes=90))
    assert {web.expires_at, mail.expires_at} == {datetime(2026, 5, 4, 19, 0, tzinfo=UTC)}
    assert AdaptedPost.model_validate(web.adapted).caption == "one\n\nJane Doe"
    assert [event.post_id for event in desk.events("post picked")] == [post]


@on_every_database
def test_a_second_call_changes_nothing(desk: Desk) -> None:
    desk.post("one", NINE)
    desk.post("two", NINE)
    desk.pick(NINE)
    assert desk.pick(NINE + timedelta(hours=1)).result == "nothing"
    assert len(desk.picks()) == 1


def test_a_shown_post_is_not_shown_again(desk: Desk) -> None:
    first, second = desk.post("one", NINE), desk.post("two", NINE)
    outcomes = [desk.pick(NINE + timedelta(days=day)) for day in range(3)]
    assert [outcome.post_id for outcome in outcomes] == [first, second, None]
    assert outcomes[2].result == "empty"


def test_a_fixed_date_comes_before_the_queue_and_keeps_its_place_out_of_it(desk: Desk) -> None:
    fixed = desk.post("fixed", NINE, fixed_date=MONDAY + timedelta(days=1))
    first, second = desk.post("one", NINE), desk.post("two", NINE)

    outcomes = [desk.pick(NINE + timedelta(days=day)) for day in range(3)]

    assert [outcome.post_id for outcome in outcomes] == [first, fixed, second]
    assert [pick.reason for pick in desk.picks()] == ["queue", "fixed date", "queue"]


def test_drafts_withdrawn_and_embargoed_posts_are_passed_over(desk: Desk) -> None:
    desk.post("draft", NINE, state="draft")
    desk.post("withdrawn", NINE, state="withdrawn")
    embargoed = desk.post("embargoed", NINE, embargo_until=NINE + timedelta(seconds=1))
    ready = desk.post("ready", NINE)
    assert desk.pick(NINE).post_id == ready
    assert desk.pick(NINE + timedelta(days=1)).post_id == embargoed


def test_an_embargo_is_stronger_than_a_fixed_date(desk: Desk) -> None:
    desk.post("fixed", NINE, fixed_date=MONDAY, embargo_until=NINE + timedelta(days=2))
    ready = desk.post("ready", NINE)
    assert desk.pick(NINE).post_id == ready


def test_removing_a_post_leaves_no_hole(desk: Desk) -> None:
    posts = [desk.post(f"post {number}", NINE) for number in range(6)]
    with desk.database.writing() as session:
        removed = session.get_one(Post, posts[1])
        removed.state, removed.approved_at = "withdrawn", None

    picked_ids = [desk.pick(NINE + timedelta(days=day)).post_id for day in range(5)]

    assert picked_ids == [posts[0], *posts[2:]]
    assert [pick.slot for pick in desk.picks()] == [MONDAY + timedelta(days=day) for day in range(5)]


# --- the reserve -----------------------------------------------------------------------------


def test_the_reserve_helps_out_with_the_post_unseen_for_longest(desk: Desk) -> None:
    recent = desk.post("recent", NINE, reserve=True, last_shown_on=MONDAY - timedelta(days=400))
    ancient = desk.post("ancient", NINE, reserve=True, last_shown_on=MONDAY - timedelta(days=800))
    never = desk.post("never", NINE, reserve=True)
    picked_ids = [desk.pick(NINE + timedelta(days=day)).post_id for day in range(3)]
    assert picked_ids == [never, ancient, recent]
    assert {pick.reason for pick in desk.picks()} == {"reserve"}


def test_a_reserve_post_is_not_repeated_within_the_window(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, no_repeat_days=3)
    first, second = desk.post("one", NINE, reserve=True), desk.post("two", NINE, reserve=True)
    picked_ids = [desk.pick(NINE + timedelta(days=day)).post_id for day in range(7)]
    assert picked_ids == [first, second, None, None, first, second, None]


def test_the_queue_comes_before_the_reserve(desk: Desk) -> None:
    desk.post("reserve", NINE, reserve=True)
    queued = desk.post("queued", NINE)
    assert desk.pick(NINE).post_id == queued


# --- late, empty, missed ---------------------------------------------------------------------


def test_a_late_post_still_goes_out_until_the_rule_ends_it(desk: Desk) -> None:
    post = desk.post("one", NINE)
    assert desk.pick(datetime(2026, 5, 4, 18, 59, 59, tzinfo=UTC)).post_id == post
    assert desk.picks()[0].deliveries[0].due_at == NINE


@on_every_database
def test_too_late_is_recorded_once_and_uses_up_no_post(desk: Desk) -> None:
    post = desk.post("one", NINE)
    late = datetime(2026, 5, 4, 19, 0, tzinfo=UTC)

    assert desk.pick(late).result == "missed"
    assert desk.pick(late + timedelta(minutes=1)).result == "nothing"

    assert [(pick.reason, pick.deliveries) for pick in desk.picks()] == [("missed", [])]
    assert len(desk.events("slot missed")) == 1
    assert desk.pick(NINE + timedelta(days=1)).post_id == post


def test_skip_allows_a_restart_and_no_more(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, lateness="skip", web={})
    first, second = desk.post("one", NINE), desk.post("two", NINE)
    assert desk.pick(NINE + timedelta(minutes=14, seconds=59)).post_id == first
    assert desk.pick(NINE + timedelta(days=1, minutes=15)).result == "missed"
    assert desk.pick(NINE + timedelta(days=2)).post_id == second


def test_with_skip_a_channel_that_is_still_in_time_gets_the_post(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, lateness="skip", web={}, mail={"hour": time(18)})
    post = desk.post("one", NINE)
    now = NINE + timedelta(hours=2)

    assert desk.pick(now).post_id == post

    web, mail = desk.picks()[0].deliveries
    assert web.expires_at < now < mail.due_at < mail.expires_at


@on_every_database
def test_an_empty_slot_is_reported_once_and_filled_when_a_post_is_ready(desk: Desk) -> None:
    results = [desk.pick(NINE + timedelta(minutes=minute)).result for minute in range(3)]
    assert results == ["empty", "nothing", "nothing"]
    assert len(desk.events("empty slot")) == 1
    post = desk.post("late arrival", NINE)

    outcome = desk.pick(NINE + timedelta(hours=1))

    assert (outcome.result, outcome.post_id) == ("picked", post)
    [pick] = desk.picks()
    assert (pick.reason, pick.post_id, len(pick.deliveries)) == ("queue", post, 2)
    assert pick.picked_at == NINE + timedelta(hours=1)
    assert desk.pick(NINE + timedelta(hours=2)).result == "nothing"


def test_an_empty_slot_stays_empty_when_it_is_too_late(desk: Desk) -> None:
    desk.pick(NINE)
    desk.post("too late", NINE)
    assert desk.pick(datetime(2026, 5, 4, 19, 0, tzinfo=UTC)).result == "nothing"
    assert [pick.reason for pick in desk.picks()] == ["empty"]


def test_after_five_days_down_one_post_goes_out(desk: Desk) -> None:
    posts = [desk.post(f"post {number}", NINE) for number in range(7)]
    desk.pick(NINE)

    back = desk.pick(NINE + timedelta(days=6, hours=3))

    missed_days = tuple(MONDAY + timedelta(days=day) for day in range(1, 6))
    assert (back.result, back.post_id, back.missed) == ("picked", posts[1], missed_days)
    assert [pick.reason for pick in desk.picks()] == ["queue", *["missed"] * 5, "queue"]
    assert len(desk.events("slot missed")) == 5
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 4


def test_missed_days_are_recorded_before_the_hour_too(desk: Desk) -> None:
    desk.post("one", NINE)
    desk.pick(NINE)
    outcome = desk.pick(NINE + timedelta(days=2, hours=-1))
    assert (outcome.result, outcome.missed) == ("nothing", (MONDAY + timedelta(days=1),))


# --- channels --------------------------------------------------------------------------------


def test_a_missing_translation_holds_skips_or_shows_the_original(database: Database, tmp_path: Path) -> None:
    desk = open_desk(
        database,
        tmp_path,
        en={},
        held={"language": "ca"},
        skipping={"language": "ca", "missing_translation": "skip"},
        original={"language": "ca", "missing_translation": "original"},
    )
    desk.post("one", NINE)
    desk.pick(NINE)

    deliveries = {delivery.channel_name: delivery for delivery in desk.picks()[0].deliveries}

    assert set(deliveries) == {"en", "held", "original"}
    assert (deliveries["held"].state, deliveries["original"].state) == ("held", "pending")
    assert "Catalan" in str(deliveries["held"].problem)
    assert [event.detail["channel"] for event in desk.events("channel skipped")] == ["skipping"]


def test_a_translation_goes_to_the_channels_of_its_language(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, en={}, ca={"language": "ca"})
    translations = {"ca": {"title": "U", "standfirst": "", "body": "", "credit": "", "alt_texts": ["Què es veu"]}}
    desk.post("one", NINE, translations=translations)
    desk.pick(NINE)
    en, ca = (AdaptedPost.model_validate(delivery.adapted) for delivery in desk.picks()[0].deliveries)
    assert (en.title, en.images[0].alt_text) == ("one", "What one shows")
    assert (ca.title, ca.language, ca.images[0].alt_text) == ("U", "ca", "Què es veu")
    assert ca.caption == "U\n\nJane Doe"


def test_a_post_that_a_channel_can_no_longer_carry_is_held_there(desk: Desk) -> None:
    desk.post("one", NINE)
    narrow = desk.targets["mail"].profile.with_limits({"text": 3})
    desk.targets["mail"] = desk.targets["mail"].model_copy(update={"profile": narrow})
    desk.pick(NINE)
    web, mail = desk.picks()[0].deliveries
    assert (web.state, web.problem) == ("pending", None)
    blocking = [problem for problem in AdaptedPost.model_validate(mail.adapted).problems if problem.blocking]
    assert mail.state == "held"
    assert blocking
    assert str(mail.problem) == " ".join(problem.message for problem in blocking)
    assert isinstance(blocking[0], ContentProblem)


@on_every_database
def test_channels_are_entered_once_and_follow_the_configuration(desk: Desk) -> None:
    with desk.database.writing() as session:
        session.add(Channel(name="web", platform="another"))
    for _ in range(2):
        with desk.database.writing() as session:
            sync_channels(session, desk.settings)
    with desk.database.reading() as session:
        rows = {channel.name: channel.platform for channel in session.scalars(select(Channel))}
    assert rows == {"web": "fake", "mail": "fake"}


# --- many at once ----------------------------------------------------------------------------


@on_every_database
def test_processes_that_start_at_once_enter_the_channels_once(desk: Desk) -> None:
    def enter() -> str:
        with desk.database.writing() as session:
            sync_channels(session, desk.settings)
        return "entered"

    for _ in range(5):
        with desk.database.writing() as session:
            session.execute(delete(Channel))
        _at_once(6, enter)
    with desk.database.reading() as session:
        assert sorted(session.scalars(select(Channel.name))) == ["mail", "web"]


@on_every_database
def test_pickers_at_once_make_one_pick(desk: Desk) -> None:
    for number in range(30):
        desk.post(f"post {number}", NINE)
    for day in range(5):
        results = _at_once(4, lambda now=NINE + timedelta(days=day): desk.pick(now).result)  # type: ignore[misc]
        assert results.count("picked") == 1
        assert set(results) <= {"picked", "nothing", "lost"}
    picks = desk.picks()
    assert len(picks) == 5
    assert len({pick.post_id for pick in picks}) == 5
    assert all(len(pick.deliveries) == 2 for pick in picks)


@on_every_database
def test_fillers_at_once_fill_an_empty_slot_once(desk: Desk) -> None:
    desk.pick(NINE)
    for number in range(4):
        desk.post(f"post {number}", NINE)
    results = _at_once(4, lambda: desk.pick(NINE + timedelta(minutes=1)).result)
    assert results.count("picked") == 1
    assert len(desk.picks()[0].deliveries) == 2


@on_every_database
def test_a_lost_race_for_the_slot_is_no_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that another machine may insert the pick between our choice and our pick."""
    desk.post("one", NINE)

    def choose_while_another_picks(*args: object) -> Choice:
        choice = choose_post(*args)  # type: ignore[arg-type]
        session = args[0]
        session.execute(  # type: ignore[attr-defined]
            insert(Pick).values(slot=MONDAY, post_id=None, reason="empty", picked_at=NINE)
        )
        return choice

    monkeypatch.setattr(picking, "choose_post", choose_while_another_picks)
    assert desk.pick(NINE).result == "lost"
    assert [len(pick.deliveries) for pick in desk.picks()] == [0]


@on_every_database
def test_a_lost_race_for_an_empty_slot_is_no_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that another machine may fill the slot between our choice and our pick."""
    desk.pick(NINE)
    first = desk.post("one", NINE)
    desk.post("two", NINE)

    def choose_while_another_fills(*args: object) -> Choice:
        choice = choose_post(*args)  # type: ignore[arg-type]
        session = args[0]
        filled = update(Pick).values(post_id=first, reason="queue").execution_options(synchronize_session=False)
        if not session.connection().get_execution_options().get("reading"):  # type: ignore[attr-defined]
            session.execute(filled)  # type: ignore[attr-defined]
        return choice

    monkeypatch.setattr(picking, "choose_post", choose_while_another_fills)
    assert desk.pick(NINE + timedelta(minutes=1)).result == "lost"
    assert [(pick.post_id, pick.deliveries) for pick in desk.picks()] == [(first, [])]


@on_every_database
def test_a_post_edited_between_choice_and_commit_is_not_sent_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = desk.post("one", NINE)

    def choose_while_another_edits(*args: object) -> Choice:
        choice = choose_post(*args)  # type: ignore[arg-type]
        session = args[0]
        session.connection().exec_driver_sql(  # type: ignore[attr-defined]
            "UPDATE post SET title = 'edited', version = version + 1"
        )
        return choice

    with monkeypatch.context() as patch:
        patch.setattr(picking, "choose_post", choose_while_another_edits)
        assert desk.pick(NINE).result == "lost"
    assert desk.picks() == []
    assert desk.pick(NINE).post_id == post


def _at_once(count: int, work: Callable[[], str]) -> list[str]:
    results: list[str] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


# --- many days, many posts -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "hour", "first", "days"),
    [
        # At half past one London has both: a night without that hour, and one with two of them.
        ("Europe/London", time(1, 30), date(2026, 3, 15), 235),
        ("America/New_York", time(2, 30), date(2026, 3, 1), 15),
        ("America/New_York", time(1, 30), date(2026, 10, 25), 15),
        ("Australia/Lord_Howe", time(2, 15), date(2026, 9, 27), 15),
        ("Australia/Lord_Howe", time(1, 45), date(2026, 3, 30), 15),
    ],
    ids=str,
)
def test_each_day_gets_one_post_across_the_nights_on_which_clocks_change(
    database: Database, tmp_path: Path, zone: str, hour: time, first: date, days: int
) -> None:
    desk = open_desk(database, tmp_path, zone=zone, hour=hour, web={})
    clock = ZoneInfo(zone)
    start = datetime.combine(first, time(), clock).astimezone(UTC)
    end = datetime.combine(first + timedelta(days=days), time(), clock).astimezone(UTC)
    posts = desk.posts([f"post {number}" for number in range(days + 5)], start)

    for now in _ticks(start, end, clock):
        desk.pick(now)

    picks = desk.picks()
    assert [pick.slot for pick in picks] == [first + timedelta(days=day) for day in range(days)]
    assert [pick.post_id for pick in picks] == posts[:days]
    due = [delivery.due_at.astimezone(clock) for pick in picks for delivery in pick.deliveries]
    assert [local.date() for local in due] == [pick.slot for pick in picks]
    assert {local.fold for local in due} == {0}
    leapt_over = [local for local in due if local.time() != hour]
    assert len(leapt_over) <= 1
    assert all(local.time() > hour for local in leapt_over)


def _ticks(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yields every quarter of an hour around the nights on which clocks change, else every eight hours."""
    now = start
    while now < end:
        yield now
        changing = (now - timedelta(days=1)).astimezone(zone).utcoffset() != (now + timedelta(days=1)).astimezone(
            zone
        ).utcoffset()
        now += timedelta(minutes=15) if changing else timedelta(hours=8)


def test_choosing_reads_only_the_front_of_a_long_queue(desk: Desk) -> None:
    """Counts the steps of the database's virtual machine, which do not depend on the load of the computer."""
    row = {
        "state": "approved", "approved_at": NINE, "title": "ready", "standfirst": "", "body": "", "written_by": "",
        "credit": "", "licence": "", "link": "", "links": [], "tags": [], "language": "en", "captions": {},
        "translations": {}, "created_at": NINE, "updated_at": NINE, "reserve": False, "version": 1,
    }  # fmt: skip
    with desk.database.writing() as session:
        session.execute(insert(Post), [{**row, "position": float(number)} for number in range(20_000)])
        pick_row = {"reason": "queue", "picked_at": NINE}
        first = date(2012, 1, 1)
        session.execute(
            insert(Pick),
            [{**pick_row, "slot": first + timedelta(days=number), "post_id": number + 1} for number in range(500)],
        )
    with desk.database.reading() as session:
        steps = _count_steps(session, lambda: choose_post(session, MONDAY, NINE, ReserveSettings()))
        choice = choose_post(session, MONDAY, NINE, ReserveSettings())
    assert choice.post is not None
    assert choice.post.id == 501
    # Each of the 500 shown before costs some 20 steps; reading all 20,000 would cost half a million.
    assert steps < 20_000


def _count_steps(session: Session, work: Callable[[], object]) -> int:
    connection = session.connection().connection.driver_connection
    assert connection is not None
    hundreds: list[None] = []
    connection.set_progress_handler(lambda: hundreds.append(None), 100)
    try:
        work()
    finally:
        connection.set_progress_handler(None, 0)
    return len(hundreds) * 100


# --- a channel that nothing can be adapted for -----------------------------------------------------


@on_every_database
def test_a_channel_that_can_not_be_adapted_is_held_and_the_others_go_out(desk: Desk) -> None:
    desk.post("one", NINE)
    desk.targets["mail"] = desk.targets["mail"].model_copy(
        update={"template": "", "broken": recorded_problem("mail.j2 is not there.")}
    )
    outcome = desk.pick(NINE)
    assert (outcome.result, outcome.held) == ("picked", ("mail",))
    [pick] = desk.picks()
    web, mail = sorted(pick.deliveries, key=lambda delivery: delivery.channel_name, reverse=True)
    assert (web.channel_name, web.state, web.problem) == ("web", "pending", None)
    assert (mail.state, str(mail.problem)) == ("held", "mail.j2 is not there.")
    frozen = AdaptedPost.model_validate(mail.adapted)
    assert (frozen.title, frozen.caption, [problem.blocking for problem in frozen.problems]) == ("one", "", [True])


def test_a_fault_of_the_program_keeps_a_post_from_one_channel_only(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def adapt(source: SourcePost, target: Target, people: PeopleDirectory) -> AdaptedPost:
        if target.channel == "mail":
            raise ZeroDivisionError
        return adapt_post(source, target, people)

    monkeypatch.setattr("publisher.posts.channel_posts.adapt_post", adapt)
    desk.post("one", NINE)
    desk.pick(NINE)
    [pick] = desk.picks()
    states = {delivery.channel_name: (delivery.state, str(delivery.problem or "")) for delivery in pick.deliveries}
    assert states["web"] == ("pending", "")
    assert states["mail"][0] == "held"
    assert "ZeroDivisionError" not in states["mail"][1]
    assert "its log says where" in states["mail"][1]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(("body", "state"), [("Found by @[Ada].", "held"), ("Found by Ada.", "pending")])
def test_an_unreadable_people_file_holds_only_posts_with_mentions(desk: Desk, body: str, state: str) -> None:
    desk.people = PeopleDirectory(unreadable=recorded_problem("people.toml can't be read: line 3"))
    desk.post("one", NINE, body=body)
    desk.pick(NINE)
    [pick] = desk.picks()
    assert {delivery.state for delivery in pick.deliveries} == {state}
    problem = "It mentions somebody, and people.toml can't be read: line 3." if state == "held" else ""
    assert {str(delivery.problem or "") for delivery in pick.deliveries} == {problem}
