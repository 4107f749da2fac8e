"""A delivery as the desk makes it, with a new adapter at each try, as after a restart."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from publisher.core.content import Absence, Preparation, Publication
from publisher.core.problems import Problem, StoredProblem
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import NotPrepared, PlatformError, Unconfirmed
from publisher.platforms.profiles import load_profile
from tests.contract.account import Account
from tests.contract.cases import Step

CLEAN_LOOK_UPS = 3
MAX_STEPS = 40


def assert_stored_whole(problem: Problem) -> None:
    """Asserts that a problem has a code of its own, and that nothing of it is lost when it is stored."""
    assert problem.code is not StoredProblem.RECORDED
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    assert (again.code, again.remedy, str(again)) == (problem.code, problem.remedy, str(problem))


class Try:
    """One try: uploading, preparing, publishing, and where it stopped."""

    def __init__(
        self, account: Account, earlier: Preparation = NOTHING_PREPARED, *, shortly_at: Step | None = None
    ) -> None:
        """`shortly_at`: at this step answers are waited for shortly."""
        self.account = account
        self.adapter = account.adapter()
        self.preparation = earlier
        self.publication: Publication | None = None
        self.error: PlatformError | None = None
        self.call = ""
        self._shortly_at = shortly_at
        try:
            self._run(account, earlier)
        except NotPrepared as error:
            self.error, self.preparation = error, error.preparation
        except PlatformError as error:
            self.error = error

    def _run(self, account: Account, earlier: Preparation) -> None:
        post = account.post()
        with self._calling("upload"):
            media = account.upload(self.adapter)
        with self._calling("prepare"):
            self.preparation = self.adapter.prepare(post, media, idempotency_key=account.KEY, earlier=earlier)
        with self._calling("publish"):
            self.publication = self.adapter.publish(
                post, media, idempotency_key=account.KEY, preparation=self.preparation
            )

    def _calling(self, call: str) -> AbstractContextManager[object]:
        self.call = call
        is_short = self._shortly_at is not None and self._shortly_at.call == call
        return self.account.waiting_shortly() if is_short else nullcontext()

    @property
    def is_unknown(self) -> bool:
        return isinstance(self.error, Unconfirmed)


def deliver(account: Account, earlier: Preparation = NOTHING_PREPARED, *, unknown: bool = False) -> Publication:
    """Delivers until the post is public, and never sends again what a look-up has not read to be absent.

    `unknown`: a request was sent whose outcome nobody knows.
    """
    preparation, clean = earlier, 0
    adapter: PlatformAdapter | None = None
    lag = timedelta(seconds=load_profile(account.name).publishing.listing_lag_seconds)
    for _ in range(MAX_STEPS):
        if not unknown:
            step = Try(account, preparation)
            preparation, clean, adapter = step.preparation, 0, step.adapter
            if step.publication is not None:
                return step.publication
            unknown = step.is_unknown
            account.pass_time(timedelta(minutes=1))
            continue
        found = account.find(adapter, preparation=preparation)
        if isinstance(found, Publication):
            return found
        clean += 1
        account.pass_time(timedelta(seconds=10) if found is Absence.UNPUBLISHED else lag / CLEAN_LOOK_UPS)
        unknown = found is Absence.GONE or (found is Absence.NOT_LISTED and clean <= CLEAN_LOOK_UPS)
    raise AssertionError("the delivery came to no end")


def assert_one_copy(account: Account, publication: Publication, adapter: PlatformAdapter | None = None) -> None:
    """Asserts that followers see the post once, and that it is the one that was told."""
    (copy,) = account.copies()
    shown = account.read(publication.remote_id, adapter)
    assert shown is not None
    assert (shown.remote_id, shown.visible) == (copy.id, True)
    assert [image.alt_text for image in copy.images] == [image.alt_text for image in account.post().images]
