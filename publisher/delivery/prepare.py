"""Prepares a post before the intent to publish is committed. It is repeatable, and followers see nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from publisher.adapt.images.inspection import ImageRefused
from publisher.adapt.images.rendering import Renderer
from publisher.core.content import Preparation, Rendition
from publisher.delivery.admission import Admission
from publisher.delivery.channels import Channels
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.leases import RenewedLease
from publisher.delivery.problem_codes import DeliveryProblem, blocked
from publisher.lifecycle import Fenced
from publisher.media import MediaUnreachable
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import PlatformAdapter, UploadedMedia
from publisher.platforms.errors import NotPrepared, Unavailable, UnsupportedContent

RENDERING_SECONDS = 600.0
"""Rendering one picture ends within this, or never."""
REQUEST_SECONDS = 300.0
"""So does what an adapter does for one picture or post, besides the time that the bytes take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Holds what the publishing request needs."""

    adapter: PlatformAdapter
    key: str
    media: list[UploadedMedia]
    preparation: Preparation


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Holds why nothing was sent, and the pictures that were uploaded until then."""

    error: Exception
    adapter: PlatformAdapter | None = None
    media: list[UploadedMedia] = field(default_factory=list)
    preparation: Preparation | None = None
    """What the platform was asked to prepare, for the next try. None: what is stored stays."""


class Preparer:
    """Opens the account, asks for admission, renders and uploads pictures, and has the adapter prepare the post."""

    def __init__(self, channels: Channels, renderer: Renderer, admission: Admission) -> None:
        self._channels = channels
        self._renderer = renderer
        self._admission = admission

    def prepare(self, claimed: ClaimedDelivery, lease: RenewedLease) -> Prepared | NotSent:
        """Prepares a claimed delivery. Raises Fenced when another worker has it."""
        adapter: PlatformAdapter | None = None
        media: list[UploadedMedia] = []
        lease.allow(REQUEST_SECONDS)
        try:
            self._check(claimed)
            adapter = self._channels.open(claimed.channel)
            key = self._admission.admit(claimed, adapter)
            self._hand_over(claimed, adapter, key, media, lease)
            lease.allow(REQUEST_SECONDS + self.uplink_seconds(media))
            preparation = self._prepare_post(claimed, adapter, key, media)
        except Fenced:
            raise
        except NotPrepared as error:
            unfinished = self._of_account(claimed, error.preparation)
            return NotSent(error=error, adapter=adapter, media=media, preparation=unfinished)
        except Exception as error:
            return NotSent(error=error, adapter=adapter, media=media)
        return Prepared(adapter=adapter, key=key, media=media, preparation=preparation)

    def uplink_seconds(self, media: list[UploadedMedia]) -> float:
        """Returns how long these pictures take over the slowest line that is allowed for."""
        return sum(picture.image.bytes for picture in media) / self._channels.uplink_bytes_per_second

    def _prepare_post(
        self, claimed: ClaimedDelivery, adapter: PlatformAdapter, key: str, media: list[UploadedMedia]
    ) -> Preparation:
        """Has the platform prepare what followers don't see yet. What another account prepared is no use."""
        account = self._channels.account(claimed.channel)
        earlier = claimed.preparation if claimed.preparation.is_for(account) else NOTHING_PREPARED
        prepared = adapter.prepare(claimed.adapted, media, idempotency_key=key, earlier=earlier)
        return self._of_account(claimed, prepared.settled())

    def _of_account(self, claimed: ClaimedDelivery, preparation: Preparation) -> Preparation:
        return preparation.model_copy(update={"account": self._channels.account(claimed.channel)})

    def _check(self, claimed: ClaimedDelivery) -> None:
        if claimed.channel not in self._channels:
            raise UnsupportedContent(DeliveryProblem.CHANNEL_REMOVED(channel=claimed.channel, delivery=claimed.id))
        if blocking := blocked([problem.problem for problem in claimed.adapted.problems if problem.blocking]):
            raise UnsupportedContent(blocking)

    def _hand_over(
        self,
        claimed: ClaimedDelivery,
        adapter: PlatformAdapter,
        key: str,
        media: list[UploadedMedia],
        lease: RenewedLease,
    ) -> None:
        """Renders every picture, then uploads each; it is added to `media` as soon as the platform has it."""
        images = claimed.adapted.images
        renditions = [self._render(claimed, position, lease) for position in range(len(images))]
        for position, (rendition, image) in enumerate(zip(renditions, images, strict=True)):
            lease.allow(REQUEST_SECONDS + rendition.bytes / self._channels.uplink_bytes_per_second)
            media.append(
                adapter.upload_media(
                    rendition, image.alt_text, idempotency_key=key, position=position, total=len(images)
                )
            )

    def _render(self, claimed: ClaimedDelivery, position: int, lease: RenewedLease) -> Rendition:
        lease.allow(RENDERING_SECONDS)
        try:
            return self._renderer.render(claimed.adapted.images[position].spec)
        except ImageRefused as error:
            raise UnsupportedContent(DeliveryProblem.PICTURE_REFUSED(why=error.text)) from error
        except MediaUnreachable as error:
            raise Unavailable(DeliveryProblem.MEDIA_UNREACHABLE(why=error.text)) from error
