"""Settling what is unknown, by reading from the platform only.

Finding the post settles at once that it is public. Not finding it counts only after the
platform's settling time, and only twice in a row: then the post is surely absent, and goes
out again with the same key. Where nobody can tell, a person is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from publisher.clock import Clock
from publisher.content import Absence, AdaptedPost, Publication
from publisher.db.session import Database
from publisher.delivery import records
from publisher.delivery.channels import Channels
from publisher.delivery.claim import Held
from publisher.delivery.outcomes import Pace, error_name
from publisher.lifecycle import Fenced, look_again, move, record_late_success
from publisher.logs import get_logger
from publisher.platforms.base import PlatformAdapter, SupportsLookup, SupportsReadBack
from publisher.platforms.errors import CredentialsRefused, PlatformError, RateLimited, Unavailable
from publisher.states import State

CLEAN_LOOK_UPS = 2
GIVE_UP_AFTER = timedelta(hours=24)
"""A question that the platform has not answered for so long goes to a person."""
MOST_LOST_REQUESTS = 5
"""After so many in a row the cause isn't chance, and a person looks."""


class CantTell(Exception):
    """The platform offers no way to find out; the message says what to look for, and where."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look-up decides: a new state, or to look again."""

    finding: str
    to: State | None = None
    values: dict[str, Any] = field(default_factory=dict)
    detail: str = ""
    pause_reason: str = ""


class Confirmer:
    """Looks up unknown outcomes."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        clock: Clock,
        pace: Pace,
        settle_seconds: float | None,
        *,
        owner: str,
    ) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._pace = pace
        self._settle_seconds = settle_seconds
        self._owner = owner

    def look_up(self, held: Held) -> None:
        """Ask the platform once whether the post is there, and act on the answer."""
        log = get_logger("delivery").bind(delivery=held.id, channel=held.channel)
        started = self._clock.now()
        try:
            found = self._find(held)
        except Exception as error:
            verdict = self._unanswered(held, error)
            log.warning("looked up: no answer", error=error_name(error), why=str(error))
        else:
            if isinstance(found, Publication):
                self._found(held, found, started)
                log.info("looked up: it is public", url=found.url)
                return
            verdict = self._absent(held, started)
            log.info("looked up: it is not there", decides=str(verdict.to or "to look again"))
        self._apply(held, verdict, started)

    def _find(self, held: Held) -> Publication | Absence:
        adapter = self._channels.open(held.channel)
        if held.state == State.PROCESSING:
            return _visible(adapter, held)
        if not isinstance(adapter, SupportsLookup) or held.idempotency_key is None:
            raise CantTell(_what_to_look_for(held.adapted, held.sent_at))
        since = held.sent_at or held.seed.created_at
        return adapter.find_publication(
            held.adapted, idempotency_key=held.idempotency_key, since=since, preparation=held.preparation
        )

    def _found(self, held: Held, publication: Publication, started: datetime) -> None:
        habits = self._channels.profile(held.channel).publishing
        now = self._clock.now()
        with self._database.writing() as session:
            self._note(
                session, held, "lookup", "found", started=started, detail=publication.url or publication.remote_id
            )
            try:
                records.publish(session, held, publication, held.state, habits, now=now)
            except Fenced:
                record_late_success(session, held.id, publication, now)

    def _absent(self, held: Held, started: datetime) -> Verdict:
        clean = held.clean_lookups + (1 if self._counts(held, started) else 0)
        if clean < CLEAN_LOOK_UPS:
            return Verdict("absent", None, self._again(held, clean))
        if held.state == State.PROCESSING:
            now = self._clock.now()
            values = {"due_at": now + self._pace.look_up(0), "unknown_since": now, "lookups": 0, "clean_lookups": 0}
            return Verdict("absent", State.UNCONFIRMED, values)
        lost = held.lost_requests + 1
        if lost >= MOST_LOST_REQUESTS:
            told = f"{lost} requests got no answer, and no post came of them. "
            problem = told + _what_to_look_for(held.adapted, held.sent_at)
            return Verdict("absent", State.HELD, {"lost_requests": lost, "problem": problem})
        values = {
            "due_at": self._clock.now(),
            "lost_requests": lost,
            "unknown_since": None,
            "problem": "The platform was asked twice and does not have the post; it goes out again.",
        }
        return Verdict("absent", State.PENDING, values)

    def _counts(self, held: Held, started: datetime) -> bool:
        """Whether absence means absence by now."""
        settle = self._settle_seconds
        if settle is None:
            settle = self._channels.profile(held.channel).publishing.settle_seconds
        since = held.unknown_since or held.sent_at
        return since is None or started >= since + timedelta(seconds=settle)

    def _unanswered(self, held: Held, error: Exception) -> Verdict:
        if isinstance(error, CantTell):
            return Verdict("cannot tell", State.HELD, {"problem": str(error)})
        now = self._clock.now()
        if held.unknown_since is not None and now - held.unknown_since > GIVE_UP_AFTER:
            return Verdict(error_name(error), State.HELD, {"problem": _what_to_look_for(held.adapted, held.sent_at)})
        again = self._again(held, held.clean_lookups)
        if isinstance(error, RateLimited):
            again["due_at"] = max(again["due_at"], error.retry_at)
        reason = error.message if isinstance(error, CredentialsRefused) else ""
        detail = f"{error} {error.answer}" if isinstance(error, PlatformError) else repr(error)
        return Verdict(error_name(error), None, again, detail, reason)

    def _again(self, held: Held, clean: int) -> dict[str, Any]:
        done = held.lookups + 1
        return {"due_at": self._clock.now() + self._pace.look_up(done), "lookups": done, "clean_lookups": clean}

    def _apply(self, held: Held, verdict: Verdict, started: datetime) -> None:
        now = self._clock.now()
        try:
            with self._database.writing() as session:
                if verdict.to is None:
                    look_again(session, held.id, fence=held.fence, state=held.state, **verdict.values)
                else:
                    move(
                        session, held.id, fence=held.fence, before=held.state, to=verdict.to, now=now,
                        actor=self._owner, **verdict.values,
                    )  # fmt: skip
                self._note(session, held, "lookup", verdict.finding, started=started, detail=verdict.detail)
                if verdict.pause_reason:
                    records.pause_channel(session, held.channel, verdict.pause_reason, now)
        except Fenced:
            get_logger("delivery").info("somebody else has settled it", delivery=held.id)

    def _note(self, session: Session, held: Held, kind: str, finding: str, *, started: datetime, detail: str) -> None:
        records.add_reading(
            session, held, kind, finding, started=started, now=self._clock.now(), owner=self._owner, detail=detail
        )


def _visible(adapter: PlatformAdapter, held: Held) -> Publication | Absence:
    """A post that was accepted before, if the platform shows it by now."""
    if not isinstance(adapter, SupportsReadBack) or held.processing_id is None:
        raise Unavailable("the platform can't be asked for a post that it is still working on")
    shown = adapter.read_publication(held.processing_id)
    return Absence.NOT_LISTED if shown is None else Publication(remote_id=shown.remote_id, url=shown.url)


def _what_to_look_for(adapted: AdaptedPost, sent_at: datetime | None) -> str:
    when = f" sent at {sent_at:%Y-%m-%d %H:%M} UTC" if sent_at else ""
    return (
        f"It is not known whether the post is public: look for “{adapted.title}”{when} on {adapted.platform}. "
        "If it is there, settle it with its link; if not, retry it."
    )
