"""Tests that backups are whole, checked and rotated, and that a restored desk posts nothing twice."""

from __future__ import annotations

import copy
import errno
import json
import os
import re
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from publisher.backup.daily_copies import copy_daily, newest_backup_time
from publisher.backup.files import BackupError
from publisher.backup.manifest import read_manifest
from publisher.backup.restore import RestoreReport, restore
from publisher.backup.whole_backup import BackupReport, make_backup
from publisher.cli import regular, service
from publisher.cli.backup import _restore_report
from publisher.cli.doctor import _describe_backup, _newest_backup
from publisher.cli.main import cli
from publisher.core.clock import FixedClock
from publisher.core.messages import Message
from publisher.core.states import State
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.session import Database
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.operate import retry
from publisher.desk import Desk
from publisher.lifecycle_restore import restore_deliveries
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.possibly_shown import ShownBetween, possibly_shown, waiting_after_restore
from publisher.posts.posts import add_post
from publisher.schedule.order import Front
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.restore_gap import Gap, close_gap
from publisher.scheduler import Callbacks, RegularJob, Scheduler
from tests.conftest import WriteDesk
from tests.fakes import add_delivery, the_delivery
from tests.outlet import PLATFORMS, Outlet, draw
from tests.queue_desk import open_desk
from tests.waiting import TIMEOUT

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Desk]:
    """Opens a desk as `publisher init` writes it, with one draft and its picture, and files that hold secrets."""
    folder = tmp_path / "desk"
    new_desk = Desk(write_desk(folder), clock)
    draw(tmp_path / "cell.png")
    image = ImageDraft(file=tmp_path / "cell.png", alt_text="A grey disc")
    add_post(new_desk.database, new_desk.store, PostDraft(title="A cell", images=(image,)), clock.now())
    (folder / "config" / ".env").write_text("PUBLISHER_X_ACCESS_TOKEN=hush", encoding="utf-8")
    (folder / "config" / "token.txt").write_text("hush", encoding="utf-8")
    (folder / "sessions").mkdir()
    (folder / "sessions" / "x.json").write_text('{"token": "hush"}', encoding="utf-8")
    (tmp_path / "kept").mkdir()
    yield new_desk
    new_desk.database.close()


@pytest.fixture
def backup(desk: Desk, tmp_path: Path) -> BackupReport:
    return make_backup(desk.settings, tmp_path / "kept", NOW)


def test_a_backup_holds_everything_but_secrets(desk: Desk, backup: BackupReport) -> None:
    manifest = read_manifest(backup.path)
    assert manifest == backup.manifest
    assert (manifest.created_at, manifest.config_file, backup.left_out) == (NOW, "config/publisher.toml", ())
    [original] = manifest.originals
    assert (backup.path / original.path).read_bytes() == desk.store.fetch(original.sha256).read_bytes()
    paths = {file.path for file in manifest.config}
    assert paths >= {"config/publisher.toml", "config/people.toml", "config/captions/x.j2", "config/.env.example"}
    on_disk = {path.relative_to(backup.path).as_posix() for path in backup.path.rglob("*") if path.is_file()}
    assert on_disk == {"manifest.json", *(file.path for file in manifest.files())}
    assert not any(b"hush" in path.read_bytes() for path in backup.path.rglob("*") if path.is_file())


def test_a_backup_is_readable_only_by_its_owner(backup: BackupReport) -> None:
    for path in (backup.path, *backup.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_an_original_is_linked_where_it_can_be_and_copied_elsewhere(
    desk: Desk, backup: BackupReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [original] = backup.manifest.originals
    assert (backup.path / original.path).samefile(desk.store.fetch(original.sha256))

    def another_file_system(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", another_file_system)
    second = make_backup(desk.settings, tmp_path / "kept", NOW + timedelta(seconds=1))
    assert not (second.path / original.path).samefile(desk.store.fetch(original.sha256))
    assert second.manifest.originals == backup.manifest.originals


def test_a_damaged_or_missing_original_is_left_out_and_told(desk: Desk, tmp_path: Path) -> None:
    original = desk.store.fetch(next(desk.store.originals()))
    original.write_bytes(b"rot")
    damaged = make_backup(desk.settings, tmp_path / "kept", NOW)
    assert ([str(file) for file in damaged.left_out], damaged.manifest.originals) == (["cell.png (damaged)"], ())
    original.unlink()
    missing = make_backup(desk.settings, tmp_path / "kept", NOW + timedelta(seconds=1))
    assert [str(file) for file in missing.left_out] == ["cell.png (missing)"]
    restore(damaged.path, tmp_path / "restored", NOW)


def test_a_full_disk_leaves_nothing_behind(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(BackupError, match="No space left on device; make room or name another folder"):
        make_backup(desk.settings, tmp_path / "kept", NOW)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made_up(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is not there; make it or mend its path"):
        make_backup(desk.settings, tmp_path / "unmounted", NOW)
    assert not (tmp_path / "unmounted").exists()


def test_a_restored_desk_has_what_the_lost_one_had(desk: Desk, backup: BackupReport, tmp_path: Path) -> None:
    desk.database.close()
    shutil.rmtree(desk.settings.root)

    report = restore(backup.path, tmp_path / "restored", NOW)

    restored = Desk(report.config, FixedClock(NOW))
    with restored.database.reading() as session:
        [post] = session.scalars(select(Post))
        assert (post.title, post.state) == ("A cell", "draft")
        assert restored.store.fetch(post.images[0].media_sha256).is_file()
    assert restored.targets
    restored.database.close()
    assert {path.name for path in (tmp_path / "restored").iterdir()} == {
        "config",
        "media",
        "queue.db",
        "queue.db.history",
    }
    assert stat.S_IMODE((tmp_path / "restored" / "queue.db").stat().st_mode) == 0o600
    assert (report.looked_up, report.gap.posts) == (0, ())


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize("kind", ["database", "original", "config"])
@pytest.mark.parametrize("harm", [_flip, Path.unlink])
def test_harm_is_found_and_named(backup: BackupReport, tmp_path: Path, kind: str, harm: Callable[[Path], None]) -> None:
    manifest = backup.manifest
    harmed = {"database": manifest.database, "original": manifest.originals[0], "config": manifest.config[-1]}[kind]
    harm(backup.path / harmed.path)
    with pytest.raises(BackupError, match=rf"damaged: \S*{harmed.path} is") as error:
        restore(backup.path, tmp_path / "restored", NOW)
    assert "use another backup" in str(error.value)
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"database": {"path": "../queue.db", "sha256": "0" * 64, "bytes": 1}}, "a path must stay inside the backup"),
        ({"format": 2}, "format"),
        ({"config": []}, "it lacks config/publisher.toml"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    backup: BackupReport, tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    file = backup.path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(BackupError, match=problem):
        restore(backup.path, tmp_path / "restored", NOW)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"is no backup: it holds no manifest.json"):
        restore(tmp_path, tmp_path / "restored", NOW)


def test_a_place_that_is_not_empty_is_refused_and_kept(backup: BackupReport, tmp_path: Path) -> None:
    target = tmp_path / "restored"
    target.mkdir()
    (target / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(BackupError, match="is not empty"):
        restore(backup.path, target, NOW)
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_clock_before_the_backup_is_refused(backup: BackupReport, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="set the clock right"):
        restore(backup.path, tmp_path / "restored", NOW - timedelta(hours=1))


def test_a_failing_restore_leaves_the_place_empty(
    backup: BackupReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("publisher.backup.reconcile.close_gap", broken)
    (tmp_path / "restored").mkdir()
    with pytest.raises(BackupError, match="make room"):
        restore(backup.path, tmp_path / "restored", NOW)
    assert list((tmp_path / "restored").iterdir()) == []


def test_a_database_kept_elsewhere_goes_there_and_overwrites_nothing(
    backup: BackupReport, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "data" / "queue.db"
    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", f"sqlite:///{elsewhere}")
    restore(backup.path, tmp_path / "restored", NOW)
    assert elsewhere.is_file()
    assert not (tmp_path / "restored" / "queue.db").exists()
    with pytest.raises(BackupError, match=r"is there; move it away first"):
        restore(backup.path, tmp_path / "again", NOW)
    assert not (tmp_path / "again").exists()


def test_the_commands_report_what_they_did(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Else the command would take it from the file of secrets.
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN", "hush")
    desk.database.close()
    result = CliRunner().invoke(cli, ["--config", str(desk.settings.file), "backup"], catch_exceptions=False)
    assert "originals: 1" in result.output
    assert "Secrets and sessions are not in it" in result.output
    [backup] = (desk.settings.root / "backups").iterdir()
    result = CliRunner().invoke(cli, ["restore", str(backup), str(tmp_path / "back")], catch_exceptions=False)
    assert f"its configuration is {tmp_path / 'back' / 'config' / 'publisher.toml'}" in result.output
    assert "Make sure that the lost desk runs nowhere" in result.output


def test_two_months_of_daily_backups_leave_seven_days_and_four_weeks(desk: Desk, clock: FixedClock) -> None:
    file, backups = desk.settings.root / "queue.db", desk.settings.root / "backups"
    assert desk.database
    for _ in range(60):
        assert copy_daily(file, backups, clock.now()) is not None
        clock.advance(hours=23)
        assert copy_daily(file, backups, clock.now()) is None
        clock.advance(hours=1)
    clock.advance(hours=-24)
    kept_days = sorted(datetime.strptime(path.name[6:14], "%Y%m%d").date() for path in (backups / "daily").iterdir())  # noqa: DTZ007
    last = clock.now().date()
    days = {last - timedelta(days=number) for number in range(7)}
    sundays = {last - timedelta(days=last.isoweekday() + 7 * week) for week in range(3)}
    assert set(kept_days) == days | sundays
    assert len(kept_days) == len(days | sundays)
    assert newest_backup_time(backups) == clock.now()


def test_a_copy_from_the_future_keeps_no_backup_away(desk: Desk, clock: FixedClock) -> None:
    file, backups = desk.settings.root / "queue.db", desk.settings.root / "backups"
    assert desk.database
    copy_daily(file, backups, clock.now() + timedelta(days=400))
    assert copy_daily(file, backups, clock.now()) is not None


def test_a_daily_backup_is_a_sound_database_and_removes_no_strange_file(desk: Desk, clock: FixedClock) -> None:
    file, backups = desk.settings.root / "queue.db", desk.settings.root / "backups"
    (backups / "daily").mkdir(parents=True)
    (backups / "daily" / "mine.db").write_text("mine", encoding="utf-8")
    copy = None
    for _ in range(30):
        copy = copy_daily(file, backups, clock.now()) or copy
        clock.advance(days=1)
    assert copy is not None
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT title FROM post").fetchall() == [("A cell",)]
    assert (backups / "daily" / "mine.db").exists()


def test_what_a_killed_backup_left_is_cleared_a_day_later(desk: Desk, clock: FixedClock) -> None:
    file, backups = desk.settings.root / "queue.db", desk.settings.root / "backups"
    unfinished, busy = backups / "daily" / ".part-dead", backups / "daily" / ".part-busy"
    for folder, age in ((unfinished, timedelta(days=2)), (busy, timedelta(minutes=1))):
        folder.mkdir(parents=True)
        os.utime(folder, times=((NOW - age).timestamp(),) * 2)
    copy_daily(file, backups, clock.now())
    assert (unfinished.exists(), busy.exists()) == (False, True)


def test_a_daily_backup_that_fails_is_one_sentence(desk: Desk, clock: FixedClock) -> None:
    backups = desk.settings.root / "backups"
    backups.write_text("in the way", encoding="utf-8")
    with pytest.raises(BackupError, match="the daily backup can't be written to"):
        copy_daily(desk.settings.root / "queue.db", backups, clock.now())


def _describe_newest(desk: Desk) -> str:
    return str(_describe_backup(_newest_backup(desk, desk.settings)))


def test_doctor_is_red_only_when_the_newest_backup_is_too_old(desk: Desk, clock: FixedClock) -> None:
    assert _describe_newest(desk) == "there is none yet"
    clock.advance(hours=49)
    with pytest.raises(BackupError, match=r"there is none yet: let publisher run make one a day"):
        _describe_newest(desk)
    copy_daily(desk.settings.root / "queue.db", desk.settings.root / "backups", clock.now())
    assert re.fullmatch(r"the newest is of \d\d:\d\d on 2026-05-06", _describe_newest(desk))
    clock.advance(hours=49)
    with pytest.raises(BackupError, match="the newest is of"):
        _describe_newest(desk)


@pytest.fixture
def lose_and_restore(
    outlet: Outlet, tmp_path: Path, saved_sessions: Path
) -> Iterator[Callable[[BackupReport], tuple[Outlet, RestoreReport]]]:
    """Throws the outlet's desk away and brings it back from a backup, connected again."""
    opened: list[Outlet] = []

    def act(backup: BackupReport) -> tuple[Outlet, RestoreReport]:
        outlet.close()
        shutil.rmtree(outlet.folder)
        report = restore(backup.path, tmp_path / "restored", outlet.clock.now())
        restored = copy.copy(outlet)
        restored.folder, restored.config = tmp_path / "restored", report.config
        restored.desk = Desk(report.config, outlet.clock)
        restored.connect(saved_sessions)
        opened.append(restored)
        return restored, report

    yield act
    for opened_outlet in opened:
        opened_outlet.close()


def keep(outlet: Outlet) -> BackupReport:
    return make_backup(outlet.desk.settings, outlet.folder.parent, outlet.clock.now())


Restore = Callable[[BackupReport], tuple[Outlet, RestoreReport]]


def test_what_went_out_after_the_backup_is_found_and_not_posted_twice(
    outlet: Outlet, lose_and_restore: Restore
) -> None:
    outlet.add_post()
    outlet.pick()
    backup = keep(outlet)
    outlet.run_until_idle()
    posts = {name: row.remote_id for name, row in outlet.deliveries().items()}
    assert all(posts[name] and len(outlet.copies(name)) == 1 for name in PLATFORMS)

    restored, report = lose_and_restore(backup)

    assert report.looked_up == len(PLATFORMS)
    assert {row.state for row in restored.deliveries().values()} == {State.UNCONFIRMED}
    restored.run_until_idle()
    assert {name: row.state for name, row in restored.deliveries().items()} == dict.fromkeys(PLATFORMS, "published")
    assert {name: row.remote_id for name, row in restored.deliveries().items()} == posts
    assert all(row.remote_url for row in restored.deliveries().values())
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]


def test_what_did_not_go_out_goes_out_once_after_two_look_ups(outlet: Outlet, lose_and_restore: Restore) -> None:
    outlet.add_post()
    outlet.pick()

    restored, _ = lose_and_restore(keep(outlet))
    restored.run_until_idle()

    assert {row.state for row in restored.deliveries().values()} == {State.PUBLISHED}
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]
    with restored.desk.database.reading() as session:
        for row in restored.deliveries().values():
            attempts = session.scalars(select(Attempt).where(Attempt.delivery_id == row.id).order_by(Attempt.id))
            story = [(attempt.kind, attempt.outcome) for attempt in attempts]
            published_at = story.index(("send", "published"))
            assert story[:published_at].count(("lookup", "absent")) >= 2


def test_a_day_picked_after_the_backup_is_not_picked_again(outlet: Outlet, lose_and_restore: Restore) -> None:
    repeated, waiting = outlet.add_post("Shown"), outlet.add_post("Waiting")
    outlet.shift_to_slot()
    backup = keep(outlet)
    outlet.pick()
    outlet.run_until_idle()

    restored, report = lose_and_restore(backup)

    assert ([post.id for post in report.gap.posts], len(report.gap.days)) == ([repeated], 1)
    assert [post.id for post in report.gap.others] == [waiting]
    restored.pick()
    restored.run_until_idle()
    assert restored.deliveries() == {}
    approve_again(restored.desk, waiting)
    restored.sandbox_servers.ledger.shift(restored.clock.shift_to(restored.clock.now() + timedelta(days=1)))
    restored.pick()
    restored.run_until_idle()
    with restored.desk.database.reading() as session:
        assert [pick.post_id for pick in session.scalars(select(Pick).order_by(Pick.slot))][-1] == waiting
    for name in PLATFORMS:
        assert len(outlet.copies(name)) == 2
        assert len({copy.caption for copy in outlet.copies(name)}) == 2


def approve_again(desk: Desk, post: int) -> tuple[str, ...]:
    """Approves a post as a person does who has looked. Returns the remarks that the person sees."""
    approval = PostQueue(desk).approve(post)
    return tuple(remark.problem.message for remark in approval.remarks)


def test_a_post_that_was_shown_out_of_the_backups_order_is_not_shown_again(
    outlet: Outlet, lose_and_restore: Restore
) -> None:
    """An editor moved another post to the front after the backup was made."""
    first, moved, last = (outlet.add_post(title) for title in ("First", "Moved", "Last"))
    outlet.shift_to_slot()
    backup = keep(outlet)
    PostQueue(outlet.desk).move(moved, Front())
    outlet.pick()
    outlet.run_until_idle()
    day = outlet.desk.now().date()

    restored, report = lose_and_restore(backup)

    assert [post.id for post in (*report.gap.posts, *report.gap.others)] == [first, moved, last]
    for _ in range(3):
        restored.sandbox_servers.ledger.shift(restored.clock.shift_to(restored.clock.now() + timedelta(days=1)))
        restored.pick()
        restored.run_until_idle()
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]
    sentence = f"This post may have been shown on {day}: the desk was restored from a backup"
    assert approve_again(restored.desk, last)[0].startswith(sentence)
    restored.pick()
    restored.run_until_idle()
    for name in PLATFORMS:
        assert [copy.caption.splitlines()[0] for copy in outlet.copies(name)] == ["Moved", "Last"]


FELL_DUE = {
    "pending": {},
    "preparing": {"lease_owner": "gone", "lease_until": NOW + timedelta(hours=1)},
    "publishing": {
        "lease_owner": "gone", "lease_until": NOW, "idempotency_key": "old", "sent_at": NOW - timedelta(minutes=9)
    },
    "unconfirmed": {"idempotency_key": "old", "sent_at": NOW - timedelta(minutes=9), "clean_lookups": 1},
}  # fmt: skip


@pytest.mark.parametrize("state", FELL_DUE)
def test_what_fell_due_is_looked_up_first(database: Database, state: str) -> None:
    due = NOW - timedelta(minutes=10)
    number = add_delivery(database, NOW, due_at=due)
    with database.writing() as session:
        session.execute(update(Delivery).values(state=state, **FELL_DUE[state]))
        session.add(Attempt(delivery_id=number, kind="send", fence=0, worker="gone", started_at=due))

    with database.writing() as session:
        [restored] = restore_deliveries(session, NOW, lambda _: "computed", since=NOW)
        assert restored.id == number

    row = the_delivery(database, number)
    assert (row.state, row.fence, row.lease_owner, row.lease_until) == ("unconfirmed", 1, None, None)
    assert row.idempotency_key == FELL_DUE[state].get("idempotency_key", "computed")
    assert (row.due_at, row.unknown_since, row.sent_at, row.clean_lookups) == (NOW, NOW, due, 0)
    with database.reading() as session:
        assert session.scalars(select(Attempt.outcome)).all() == ["lost"]
        last = session.scalars(select(Event).order_by(Event.id.desc())).first()
        assert last is not None
        assert (last.name, last.detail["before"], last.detail["restored"]) == ("delivery unconfirmed", state, True)


def test_what_is_due_later_or_settled_stays_as_it_is(database: Database) -> None:
    later = add_delivery(database, NOW, due_at=NOW + timedelta(minutes=1))
    published = add_delivery(database, NOW, day_offset=-1)
    canceled = add_delivery(database, NOW, day_offset=-2)
    with database.writing() as session:
        session.execute(update(Delivery).where(Delivery.id == published).values(state="published", remote_id="1"))
        session.execute(update(Delivery).where(Delivery.id == canceled).values(state="canceled"))
    with database.writing() as session:
        assert restore_deliveries(session, NOW, lambda _: "computed", since=NOW) == []
    assert [the_delivery(database, number).state for number in (later, published, canceled)] == [
        "pending", "published", "canceled",
    ]  # fmt: skip
    assert the_delivery(database, later).unknown_since is None


@pytest.mark.parametrize("state", ["held", "failed", "missed"])
def test_a_retry_of_what_waited_for_a_person_demands_a_look(database: Database, state: str) -> None:
    number = add_delivery(database, NOW)
    with database.writing() as session:
        session.execute(update(Delivery).values(state=state))
    with database.writing() as session:
        restore_deliveries(session, NOW, lambda _: "computed", since=NOW)
    assert the_delivery(database, number).state == state
    with pytest.raises(ActRefused, match="may already be public"):
        retry(database, number, now=NOW, actor="ada")
    retry(database, number, now=NOW, actor="ada", i_have_looked=True)


NINE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
"""Nine in London, when the slot of Monday the 4th opens; it closes at 19:00 UTC."""


@pytest.mark.parametrize(
    ("since", "now", "closed"),
    [
        (-60, 60, [4]),
        (-60, -1, []),
        (60, 120, [4]),
        (-60, 24 * 60 + 60, [4, 5]),
        (12 * 60, 24 * 60 - 1, []),
        (12 * 60, 24 * 60, [5]),
    ],
)
def test_the_slots_that_were_open_since_the_backup_are_closed(
    database: Database, tmp_path: Path, since: int, now: int, closed: list[int]
) -> None:
    desk = open_desk(database, tmp_path)
    posts = desk.posts(["one", "two", "three"], NINE - timedelta(days=1))
    moment = NINE + timedelta(minutes=now)
    with database.writing() as session:
        gap = close_gap(session, desk.settings, since=NINE + timedelta(minutes=since), now=moment)
    assert [day.day for day in gap.days] == closed
    assert [post.id for post in gap.posts] == posts[: len(closed)]
    assert [post.id for post in gap.others] == (posts[len(closed) :] if closed else [])
    assert {desk.load(post).state for post in posts} == {"draft" if closed else "approved"}
    if date(2026, 5, closed[-1] if closed else 1) == moment.date():
        assert desk.pick(moment).result == "nothing"


@pytest.mark.parametrize("state", ["draft", "in_review", "withdrawn"])
def test_whoever_approves_what_the_backup_had_not_approved_is_warned_too(
    database: Database, tmp_path: Path, state: str
) -> None:
    """It may have been approved and shown since."""
    desk = open_desk(database, tmp_path)
    post = desk.post("Approved since", NINE - timedelta(days=1), state=state, approved_at=None)
    now = NINE + timedelta(days=1, hours=1)
    with database.writing() as session:
        close_gap(session, desk.settings, since=NINE - timedelta(hours=1), now=now)
    assert desk.load(post).state == state
    approval = PostQueue(desk.at(now)).approve(post)
    messages = [remark.problem.message for remark in approval.remarks]
    shown_between = "This post may have been shown between 2026-05-04 and 2026-05-05"
    assert any(message.startswith(shown_between) for message in messages)


def span_of(shown: ShownBetween) -> tuple[str, str]:
    return str(shown.first), str(shown.last)


def test_a_second_restore_forgets_nothing_that_the_first_one_doubted(database: Database, tmp_path: Path) -> None:
    """A backup that was made after the first restore has the posts as drafts: nobody had approved them again yet."""
    desk = open_desk(database, tmp_path)
    posts = desk.posts(["one", "two"], NINE - timedelta(days=1))
    for days in (0, 2):
        began = NINE + timedelta(days=days)
        with database.writing() as session:
            close_gap(session, desk.settings, since=began - timedelta(hours=1), now=began + timedelta(hours=1))
    with database.reading() as session:
        assert waiting_after_restore(session) == tuple(posts)
        assert {span_of(shown) for shown in possibly_shown(session).values()} == {("2026-05-04", "2026-05-06")}
    PostQueue(desk.at(NINE + timedelta(days=2, hours=2))).approve(posts[0])
    with database.writing() as session:
        now = NINE + timedelta(days=3, hours=1)
        close_gap(session, desk.settings, since=NINE + timedelta(days=3), now=now)
        assert {post: span_of(shown) for post, shown in possibly_shown(session).items()} == {
            posts[0]: ("2026-05-07", "2026-05-07"),
            posts[1]: ("2026-05-04", "2026-05-07"),
        }


def test_a_day_that_the_backup_knows_is_not_closed_but_an_empty_one_is(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path)
    desk.pick(NINE)
    desk.posts(["late", "next"], NINE)
    with database.writing() as session:
        gap = close_gap(session, desk.settings, since=NINE, now=NINE + timedelta(hours=1))
    assert [post.title for post in (*gap.posts, *gap.others)] == ["late", "next"]
    assert desk.pick(NINE + timedelta(hours=2)).result == "nothing"

    tomorrow = NINE + timedelta(days=1)
    desk.post("tomorrow's", tomorrow)
    desk.pick(tomorrow)
    with database.writing() as session:
        assert close_gap(session, desk.settings, since=tomorrow, now=tomorrow + timedelta(hours=1)).days == ()


def test_a_running_desk_keeps_a_copy_of_its_database(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = threading.Event()

    def copy_and_note(*arguments: Any) -> Path | None:
        try:
            return copy_daily(*arguments)
        finally:
            copied.set()

    monkeypatch.setattr(regular, "copy_daily", copy_and_note)
    running = service.Service(desk)
    running.start()
    assert copied.wait(TIMEOUT)
    running.stop()
    [copy_file] = (desk.settings.root / "backups" / "daily").iterdir()
    assert copy_file.name.startswith("queue-20260504T090000Z-")


def test_a_backup_that_fails_is_reported_and_the_desk_goes_on(
    database: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "publisher")
    failed, picked = threading.Event(), []

    def fail() -> None:
        failed.set()
        raise BackupError(Message("the disk is full"))

    scheduler = Scheduler(
        database,
        clock,
        Callbacks(pick=lambda: picked.append(failed.is_set()), kick=lambda _: None),
        first_look_up=timedelta(seconds=1),
        jobs=[RegularJob("the daily backup", 3600, fail)],
    )
    scheduler.start()
    assert failed.wait(TIMEOUT)
    scheduler.stop()
    scheduler.tick()
    assert picked[-1]
    [record] = [record for record in caplog.records if "the daily backup failed" in record.getMessage()]
    assert record.levelname == "ERROR"
    assert "the disk is full" in record.getMessage()


def test_the_report_says_what_a_person_has_to_look_at(desk: Desk) -> None:
    others = (Post(id=4, title="Another"), Post(id=5, title="A third"))
    gap = Gap((date(2026, 5, 4), date(2026, 5, 6)), (Post(id=3, title="A cell"),), others)
    report = RestoreReport(made_at=NOW, config=desk.settings.file, looked_up=2, gap=gap)
    text = " ".join(map(str, _restore_report(report, desk)))
    assert "2 deliveries may have gone out since" in text
    assert "What went out on 2026-05-04 to 2026-05-06 is not known here" in text
    assert "approve those that were not: 3 “A cell”." in text
    assert "Posts that were added since the backup are not here: if one of them was shown, don't add it again." in text
    assert "nothing goes out by itself" in text
    assert "publisher approve 4 5" in text
