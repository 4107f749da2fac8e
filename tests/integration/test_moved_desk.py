"""Tests that a moved desk goes on with the new database, and with neither of two once the other is newer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.backup.database_copy import copy_database
from publisher.backup.files import BackupError
from publisher.backup.in_place import accept_present_database
from publisher.core.clock import FixedClock
from publisher.db.errors import DatabaseError
from publisher.db.history import UnknownHistory, note_intent
from publisher.desk import Desk
from publisher.lifecycle import record_event
from publisher.proving.postgres import ThrowawayPostgres
from tests.conftest import WriteDesk

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
SEEN_WITHIN = timedelta(minutes=2)


class Moves:
    """Holds one desk, and the two databases that it may work with."""

    def __init__(self, config: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config = config
        self._set = monkeypatch.setenv
        self._clock = FixedClock(NOW)
        self.file = f"sqlite:///{config.parent.parent / 'queue.db'}"
        self.server = server
        self.desks: list[Desk] = []

    def desk(self, url: str) -> Desk:
        """Starts the desk on one of its databases."""
        self._clock.advance(minutes=1)
        self._set("PUBLISHER__STORAGE__DATABASE", url)
        desk = Desk(self._config, self._clock)
        assert desk.database
        self.desks.append(desk)
        return desk

    def work(self, url: str) -> None:
        """Start the desk, let it begin to publish something, and stop it."""
        desk = self.desk(url)
        publish(desk)
        desk.database.close()

    def copy(self, source: str, target: str) -> None:
        folder = self._config.parent.parent
        report = copy_database(source, target, now=self._clock.now(), seen_within=SEEN_WITHIN, folder=folder)
        assert report.same

    def accept(self, url: str) -> None:
        self._set("PUBLISHER__STORAGE__DATABASE", url)
        settings = Desk(self._config, self._clock).settings
        accept_present_database(settings, now=self._clock.now(), seen_within=SEEN_WITHIN)


def publish(desk: Desk) -> None:
    with desk.database.writing() as session:
        record_event(session, "an intent", now=desk.now())
        note_intent(session, 1)


@pytest.fixture
def moves(
    tmp_path: Path, write_desk: WriteDesk, postgres: ThrowawayPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Moves]:
    new_moves = Moves(write_desk(tmp_path / "desk"), postgres.create_database(), monkeypatch)
    new_moves.work(new_moves.file)
    yield new_moves
    for desk in new_moves.desks:
        desk.database.close()


def test_a_desk_moves_there_and_back_and_there_again(moves: Moves) -> None:
    for source, target in ((moves.file, moves.server), (moves.server, moves.file), (moves.file, moves.server)):
        moves.copy(source, target)
        moves.work(target)
        moves.work(target)


def test_a_copy_that_the_desk_has_gone_on_without_is_refused(moves: Moves) -> None:
    moves.copy(moves.file, moves.server)
    moves.work(moves.file)
    with pytest.raises(UnknownHistory, match="is a copy, and the desk went on with the other database until"):
        moves.desk(moves.server)
    moves.copy(moves.file, moves.server)
    moves.work(moves.server)


@pytest.mark.parametrize("way", [lambda moves: (moves.file, moves.server), lambda moves: (moves.server, moves.file)])
def test_the_former_database_is_refused_as_soon_as_the_new_one_knows_more(
    moves: Moves, way: Callable[[Moves], tuple[str, str]]
) -> None:
    former, new = way(moves)
    if former == moves.server:
        moves.copy(moves.file, moves.server)
        moves.work(moves.server)
    moves.copy(former, new)
    moves.work(new)
    with pytest.raises(UnknownHistory, match=r"the desk was moved away from .* and went on elsewhere until"):
        moves.desk(former)
    with pytest.raises(BackupError, match="the desk was moved away"):
        moves.copy(former, new)
    moves.accept(former)
    moves.work(former)
    with pytest.raises(UnknownHistory, match="the desk was moved away"):
        moves.desk(new)


def test_a_desk_that_did_nothing_with_the_copy_may_go_back(moves: Moves) -> None:
    moves.copy(moves.file, moves.server)
    moves.desk(moves.server).database.close()
    moves.work(moves.file)
    with pytest.raises(UnknownHistory, match="the desk was moved away"):
        moves.desk(moves.server)


def test_a_former_desk_that_still_runs_sends_nothing_more(moves: Moves) -> None:
    former = moves.desk(moves.file)
    former.database.close()
    moves.copy(moves.file, moves.server)
    moves.work(moves.server)
    with pytest.raises(DatabaseError, match="the desk was moved, and works with"):
        publish(former)
