"""Plays the operator of a proof, who does at once what a delivery's problem asks for."""

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
from publisher.proving.judge import copies_of, posts_by_caption, posts_taken_back, shows_post
from publisher.proving.plan import MAX_LATE_SECONDS
from publisher.retrying import retry
from publisher.sandbox_client import SandboxClient
from publisher.schedule.post_queue import PostQueue

ACTOR = "proof"
MAX_WAIT = timedelta(hours=2)
"""The operator ends the wait of a channel that is longer."""


class Operator:
    """Resumes channels, retries held deliveries, and looks on the platform before a retry that could make a copy."""

    def __init__(self, desk: Desk, sandbox: SandboxClient, wait: Callable[[timedelta], None]) -> None:
        """`wait` lets time pass before the operator looks."""
        self._desk = desk
        self._wait = wait
        self._sandbox = sandbox
        self._clock = desk.clock
        self.acts: Counter[str] = Counter()
        self._shown: set[int] = set()
        """Posts that a restore took back, and that stay drafts because they were shown."""

    def act(self, rows: Sequence[Delivery]) -> None:
        """Does whatever waits for a person."""
        with self._desk.database.reading() as session:
            waits_long = Channel.next_publish_at > self._clock.now() + MAX_WAIT
            stopped = or_(Channel.paused_at.is_not(None), waits_long)
            paused = list(session.scalars(select(Channel.name).where(stopped)))
        for channel in paused:
            operate.resume(self._desk.database, channel, now=self._clock.now(), actor=ACTOR)
            self.acts["resume"] += 1
        for row in rows:
            if row.state == State.HELD:
                self._answer(row)

    def try_again(self, day: date) -> None:
        """Retries what failed or was missed on earlier days, beside the post of `day`."""
        older = (
            select(Delivery.id)
            .join(Pick)
            .where(Pick.slot < day, Delivery.state.in_((State.FAILED, State.MISSED)), Delivery.unknown_since.is_(None))
        )
        with self._desk.database.reading() as session:
            deliveries = list(session.scalars(older))
        for delivery in deliveries:
            operate.retry(self._desk.database, delivery, now=self._clock.now(), actor=ACTOR)
            self.acts["retry of an older day"] += 1

    def look_after_restore(self) -> None:
        """Looks for what failed or was missed by the restored database: it may have been retried since the copy."""
        doubted = select(Delivery).where(
            Delivery.state.in_((State.FAILED, State.MISSED)), Delivery.unknown_since.is_not(None)
        )
        with self._desk.database.reading() as session:
            rows = list(session.scalars(doubted))
        for row in rows:
            self._answer(row)

    def approve_again(self) -> None:
        """Approves the posts again that a restore took back, where no platform shows them."""
        with self._desk.database.reading() as session:
            posts = list(session.scalars(select(Post).where(Post.id.in_(posts_taken_back()), Post.state == "draft")))
        posts = [post for post in posts if post.id not in self._shown]
        if posts:
            self._wait_for_late_requests()
        shown = posts_by_caption(self._sandbox.ledger()) if posts else {}
        for post in posts:
            if any(shows_post(key, post.title) for key in shown):
                self._shown.add(post.id)
                self.acts["see that a post was shown"] += 1
                continue
            PostQueue(self._desk, ACTOR).approve(post.id, repeat_is_meant=True)
            self.acts["approve again"] += 1

    def _wait_for_late_requests(self) -> None:
        """Waits while a platform may still be working on a request: an earlier look would miss its post."""
        if any(self._sandbox.get("/late").values()):
            self._wait(timedelta(seconds=MAX_LATE_SECONDS))

    def _answer(self, row: Delivery) -> None:
        if row.unknown_since is None:
            retry(self._desk, row.id, actor=ACTOR)
            self.acts["retry"] += 1
            return
        self._wait_for_late_requests()
        now = self._clock.now()
        if copies := copies_of(row, posts_by_caption(self._sandbox.ledger())):
            # The operator has looked, and does not wait for the platform to answer.
            post = AdoptionRequest(row.id, copies[0]["id"], unread=True)
            adopt(self._desk.database, self._desk.channels, post, now=now, actor=ACTOR)
            self.acts["adopt"] += 1
        else:
            retry(self._desk, row.id, actor=ACTOR, i_have_looked=True)
            self.acts["retry after a look"] += 1
