"""The person of a proof, who does at once what a delivery's problem asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from publisher.db.models import Delivery, Pick
from publisher.db.operations import Channel
from publisher.delivery import operate
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.desk import Desk
from publisher.proving.judge import copies_of, counted
from publisher.sandbox_client import SandboxClient
from publisher.states import State

ACTOR = "proof"


class Person:
    """Mends accounts, retries what was held, and looks on the platform before a retry that could be a copy."""

    def __init__(self, desk: Desk, sandbox: SandboxClient) -> None:
        self._database = desk.database
        self._channels = desk.channels
        self._sandbox = sandbox
        self._clock = desk.clock
        self.acts: Counter[str] = Counter()

    def act(self, rows: Sequence[Delivery]) -> None:
        """Do whatever waits for a person."""
        with self._database.reading() as session:
            paused = list(session.scalars(select(Channel.name).where(Channel.paused_at.is_not(None))))
        for channel in paused:
            operate.resume(self._database, channel, now=self._clock.now(), actor=ACTOR)
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
        with self._database.reading() as session:
            found = list(session.scalars(older))
        for delivery in found:
            operate.retry(self._database, delivery, now=self._clock.now(), actor=ACTOR)
            self.acts["retry of an older day"] += 1

    def _answer(self, row: Delivery) -> None:
        now = self._clock.now()
        if row.unknown_since is None:
            operate.retry(self._database, row.id, now=now, actor=ACTOR)
            self.acts["retry"] += 1
        elif found := copies_of(row, counted(self._sandbox.ledger())):
            # The person has looked; that the platform answers just now is not for them to wait for.
            post = AdoptionRequest(row.id, found[0]["id"], unread=True)
            adopt(self._database, self._channels, post, now=now, actor=ACTOR)
            self.acts["adopt"] += 1
        else:
            operate.retry(self._database, row.id, now=now, actor=ACTOR, i_have_looked=True)
            self.acts["retry after a look"] += 1
