"""The person of a proof, who does at once what a delivery's problem asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from sqlalchemy import or_, select

from publisher.core.states import State
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.delivery import operate
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.desk import Desk
from publisher.proving.judge import copies_of, counted, is_of, taken_back
from publisher.proving.plan import LONGEST_LATE_SECONDS
from publisher.retrying import retry
from publisher.sandbox_client import SandboxClient
from publisher.schedule.post_queue import PostQueue

ACTOR = "proof"
LONG_WAIT = timedelta(hours=2)
"""Whoever sees that a platform asks to wait for longer than that ends the wait."""


class Person:
    """Mends accounts, retries what was held, and looks on the platform before a retry that could be a copy."""

    def __init__(self, desk: Desk, sandbox: SandboxClient, wait: Callable[[timedelta], None]) -> None:
        """`wait` lets time pass before the person looks."""
        self._desk = desk
        self._wait = wait
        self._sandbox = sandbox
        self._clock = desk.clock
        self.acts: Counter[str] = Counter()
        self._shown: set[int] = set()
        """Posts that a restore took back, and that stay drafts because they were shown."""

    def act(self, rows: Sequence[Delivery]) -> None:
        """Do whatever waits for a person."""
        with self._desk.database.reading() as session:
            told_to_wait = Channel.next_publish_at > self._clock.now() + LONG_WAIT
            stopped = or_(Channel.paused_at.is_not(None), told_to_wait)
            paused = list(session.scalars(select(Channel.name).where(stopped)))
        for channel in paused:
            operate.resume(self._desk.database, channel, now=self._clock.now(), actor=ACTOR)
            self.acts["resume"] += 1
        for row in rows:
            if row.state == State.HELD:
                self._answer(row)

    def try_again(self, day: date) -> None:
        """Let out what failed or was missed on earlier days, beside the post of `day`."""
        older = (
            select(Delivery.id)
            .join(Pick)
            .where(Pick.slot < day, Delivery.state.in_((State.FAILED, State.MISSED)), Delivery.unknown_since.is_(None))
        )
        with self._desk.database.reading() as session:
            found = list(session.scalars(older))
        for delivery in found:
            operate.retry(self._desk.database, delivery, now=self._clock.now(), actor=ACTOR)
            self.acts["retry of an older day"] += 1

    def look_after_restore(self) -> None:
        """Look for what failed or was missed by the restored database: it may have been retried since the copy."""
        doubted = select(Delivery).where(
            Delivery.state.in_((State.FAILED, State.MISSED)), Delivery.unknown_since.is_not(None)
        )
        with self._desk.database.reading() as session:
            rows = list(session.scalars(doubted))
        for row in rows:
            self._answer(row)

    def approve_again(self) -> None:
        """Approve the posts again that a restore took back, where no platform shows them."""
        with self._desk.database.reading() as session:
            posts = list(session.scalars(select(Post).where(Post.id.in_(taken_back()), Post.state == "draft")))
        posts = [post for post in posts if post.id not in self._shown]
        if posts:
            self._wait_for_late_requests()
        shown = counted(self._sandbox.ledger()) if posts else {}
        for post in posts:
            if any(is_of(place, post.title) for place in shown):
                self._shown.add(post.id)
                self.acts["see that a post was shown"] += 1
                continue
            PostQueue(self._desk, ACTOR).approve(post.id)
            self.acts["approve again"] += 1

    def _wait_for_late_requests(self) -> None:
        """Who looks too early sees nothing: a platform may still be working on what it was asked for."""
        if any(self._sandbox.get("/late").values()):
            self._wait(timedelta(seconds=LONGEST_LATE_SECONDS))

    def _answer(self, row: Delivery) -> None:
        if row.unknown_since is None:
            retry(self._desk, row.id, actor=ACTOR)
            self.acts["retry"] += 1
            return
        self._wait_for_late_requests()
        now = self._clock.now()
        if found := copies_of(row, counted(self._sandbox.ledger())):
            # The person has looked; that the platform answers just now is not for them to wait for.
            post = AdoptionRequest(row.id, found[0]["id"], unread=True)
            adopt(self._desk.database, self._desk.channels, post, now=now, actor=ACTOR)
            self.acts["adopt"] += 1
        else:
            operate.retry(self._desk.database, row.id, now=now, actor=ACTOR, i_have_looked=True)
            self.acts["retry after a look"] += 1
