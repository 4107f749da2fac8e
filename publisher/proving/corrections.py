"""Asks for the correction of a day's post, as a person would who saw a mistake in it."""

from __future__ import annotations

from collections import Counter
from datetime import date

from sqlalchemy import select

from publisher.correcting import CorrectionRequest, correct_post, is_correctable
from publisher.db.models import Pick
from publisher.posts.drafts import PostChanges
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.versions import content_of
from publisher.proving.correction_plans import PlannedCorrection
from publisher.proving.fault_injection import FaultInjector
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.plan import PlannedFault
from publisher.sandbox_client import SandboxClient

ACTOR = "proof"
CORRECTED_CREDIT = "Image by the proving ground and its neighbours"
CORRECTED_ALT_TEXT = "A grey field that brightens to the left"


class CorrectionOfTheDay:
    """Asks for one correction as soon as the day's post is public somewhere."""

    def __init__(
        self, outlet: ProvingOutlet, sandbox: SandboxClient, faults: FaultInjector, plan: PlannedCorrection | None
    ) -> None:
        self._outlet = outlet
        self._sandbox = sandbox
        self._faults = faults
        self._plan = plan

    def is_due(self, seconds: float) -> bool:
        """Tells whether it is planned, not asked for yet, and the day is so many seconds old."""
        return self._plan is not None and seconds >= self._plan.at

    def ask(self, day: date) -> Counter[str]:
        """Asks for it, if the day's post is public anywhere, and returns what a person did."""
        plan, post = self._plan, self._public_post(day)
        if plan is None or post is None:
            return Counter()
        self._plan = None
        for platform, fault in plan.faults:
            self._sandbox.post("/faults", {"platform": platform, "fault": fault})
        if plan.milestone:
            self._faults.begin(PlannedFault(0.0, "failure point", milestone=plan.milestone))
        try:
            correct_post(self._outlet, self._request(post), actor=ACTOR)
        except PostError:
            # It was taken back by a restore, or a worker was faster: nothing is corrected, and the person reads why.
            return Counter({"see that a correction was refused": 1})
        return Counter({"correct a published post": 1})

    def _public_post(self, day: date) -> int | None:
        with self._outlet.database.reading() as session:
            post = session.scalar(select(Pick.post_id).where(Pick.slot == day, Pick.post_id.is_not(None)))
            return post if post is not None and is_correctable(session, post) else None

    def _request(self, post: int) -> CorrectionRequest:
        with self._outlet.database.reading() as session:
            row = load_post(session, post)
            images = [image.model_dump() | {"alt_text": CORRECTED_ALT_TEXT} for image in content_of(row).images]
        changes = PostChanges.model_validate({"credit": CORRECTED_CREDIT, "images": images})
        return CorrectionRequest(post, changes, note="A mistake")
