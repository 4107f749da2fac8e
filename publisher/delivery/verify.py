"""Reading published posts back, to see whether followers see what was sent. Nothing is ever mended by posting again."""

from __future__ import annotations

from datetime import timedelta

from publisher.clock import Clock
from publisher.content import AdaptedPost, PublishedPost
from publisher.db.models import Delivery
from publisher.db.session import Database
from publisher.delivery import records
from publisher.delivery.channels import Channels
from publisher.delivery.claim import Held
from publisher.delivery.outcomes import error_name
from publisher.lifecycle import record_event
from publisher.logs import get_logger
from publisher.platforms.base import SupportsReadBack
from publisher.platforms.errors import CredentialsRefused

GIVE_UP_AFTER = timedelta(hours=24)
"""A post that could not be read for so long is not read back any more."""
READ_BACK_PAUSE = timedelta(minutes=5)


class Verifier:
    """Reads published posts back and compares them with what was sent."""

    def __init__(self, database: Database, channels: Channels, clock: Clock, *, owner: str) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._owner = owner

    def verify(self, held: Held) -> None:
        """Read a published post back once; a difference is told, and never mended by posting again."""
        started, refused = self._clock.now(), ""
        try:
            finding, problem = self._read_back(held)
        except Exception as error:
            finding, problem = error_name(error), ""
            refused = error.message if isinstance(error, CredentialsRefused) else ""
            get_logger("delivery").warning("not read back", delivery=held.id, error=finding, why=str(error))
        # Where no answer came, the question is put again while it still means something.
        asked_again = finding not in ("as sent", "differs", "gone", "not readable")
        with self._database.writing() as session:
            delivery = session.get_one(Delivery, held.id)
            give_up = delivery.published_at is None or started - delivery.published_at > GIVE_UP_AFTER
            delivery.verify_at = self._clock.now() + READ_BACK_PAUSE if asked_again and not give_up else None
            records.add_reading(
                session, held, "verify", finding, started=started, now=self._clock.now(), owner=self._owner,
                detail=problem,
            )  # fmt: skip
            if refused:
                records.pause_channel(session, held.channel, refused, self._clock.now())
            if problem:
                delivery.problem = problem
                record_event(
                    session, "read back differs", now=started, delivery_id=held.id, detail={"problem": problem}
                )
        if problem:
            get_logger("delivery").error("read back differs", delivery=held.id, channel=held.channel, why=problem)

    def _read_back(self, held: Held) -> tuple[str, str]:
        adapter = self._channels.open(held.channel)
        if not isinstance(adapter, SupportsReadBack) or held.remote_id is None:
            return "not readable", ""
        shown = adapter.read_publication(held.remote_id)
        if shown is None:
            return "gone", "The post can't be read back: it was removed, or is hidden; look at it on the platform."
        differences = compare(held.adapted, shown)
        return ("differs", "; ".join(differences)) if differences else ("as sent", "")


def compare(sent: AdaptedPost, shown: PublishedPost) -> list[str]:
    """What followers see otherwise than it was sent, one sentence each."""
    differences = []
    if shown.image_count != len(sent.images):
        differences.append(f"{shown.image_count} of {len(sent.images)} pictures are shown")
    for number, (image, alt_text) in enumerate(zip(sent.images, shown.alt_texts, strict=False), start=1):
        if alt_text is not None and alt_text.strip() != image.alt_text.strip():
            differences.append(
                f"picture {number} has no alt text" if not alt_text else f"the alt text of picture {number} differs"
            )
    return differences
