"""Provides a platform in memory, and a desk around it, for tests of the delivery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.adapt.images.rendering import Renderer
from publisher.core.clock import FixedClock
from publisher.core.content import (
    Absence,
    Account,
    AdaptedImage,
    AdaptedPost,
    Preparation,
    Publication,
    PublishedPost,
    Rendition,
    RenditionSpec,
)
from publisher.core.problems import recorded_problem
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.channels import Channels
from publisher.delivery.due import next_appointments, recover_lost
from publisher.lifecycle import NewDelivery, open_delivery
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import Connection, Dialogue, KeySeed, PlatformAdapter, Quota, Secret, UploadedMedia
from publisher.platforms.errors import Unconfirmed
from publisher.platforms.links import LinkFault, LinkRefused, read_link
from publisher.platforms.profiles import AltTextLimits, ImageLimits, Profile, PublishingHabits, TagLimits, TextLimits
from publisher.platforms.text_difference import TextDifference, first_difference

MIN_STEP = timedelta(seconds=1)
SPEC = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=1000, max_width=100, max_height=100)


def fake_profile(*, timeout: float = 5.0, settle: float = 10.0, gap: float = 0.0, lag: float | None = None) -> Profile:
    """Returns the profile of the fake platform. `lag`: of its list of posts; None: as long as `settle`."""
    return Profile(
        label="Fake",
        text=TextLimits(unit="code_points", limit=500),
        tags=TagLimits(maximum=5),
        images=ImageLimits(maximum=4, formats=("jpeg",), max_bytes=1000, max_width=100, max_height=100),
        alt_text=AltTextLimits(limit=100),
        publishing=PublishingHabits(
            timeout_seconds=timeout,
            settle_seconds=settle,
            listing_lag_seconds=settle if lag is None else lag,
            listing_lag_source="made up",
            minimum_gap_seconds=gap,
        ),
    )


class FakePlatform:
    """Stores posts by key, and the errors of the next calls."""

    def __init__(self, clock: FixedClock | None = None) -> None:
        """`clock`: what time it is, for what happens late. None: nothing does."""
        self._clock = clock
        self.late: list[timedelta] = []
        """The answers to the next publishing requests are lost, and these are carried out so much later."""
        self.listing_lag = timedelta(0)
        """So long its list does not show a new post."""
        self.clock_ahead = timedelta(0)
        """How far its clock is ahead of the desk's."""
        self.accepted: list[tuple[str, AdaptedPost, datetime]] = []
        """By its own clock: when each post is public, which may be in the future."""
        self.drafts: set[str] = set()
        self.prepared: list[str] = []
        """The references of what was prepared before, as the next tries were told them."""
        self.posts: list[tuple[str, AdaptedPost]] = []
        self.publish_calls: list[str] = []
        self.uploads = 0
        self.before: list[Exception] = []
        """Raised by the next publishing requests instead of publishing."""
        self.after: list[Exception] = []
        """Raised by the next publishing requests after publishing."""
        self.on_upload: list[Exception] = []
        self.on_find: list[Exception] = []
        self.while_publishing: Callable[[], None] | None = None
        self.account_trouble: Exception | None = None
        """Raised whenever the credentials are checked."""
        self.credential_checks = 0
        self.hidden = False
        """Published posts can't be found yet."""
        self.shown_alt_text: str | None = "alt"
        self.shown_fields: dict[str, object] = {}
        """What else is told of a post that is read back."""
        self.removed: set[str] = set()
        """Ids of posts that can't be read back."""
        self.on_read: list[Exception] = []
        """Raised by the next readings."""
        self.quotas: list[Quota] = []
        """Told with every answer to a publishing request."""
        self.listener: Callable[[str, Sequence[Quota]], None] = lambda channel, quotas: None

    def now(self) -> datetime:
        """Returns the platform's time."""
        return (self._clock.now() if self._clock else datetime(9000, 1, 1, tzinfo=UTC)) + self.clock_ahead

    def accept(self, key: str, post: AdaptedPost, delay: timedelta = timedelta(0)) -> None:
        if self._clock:
            self.accepted.append((key, post, self.now() + delay))
        else:
            self.posts.append((key, post))

    def keep_first(self, key: str) -> None:
        """Keeps the first post of those that were published from one draft."""
        first = sorted((entry for entry in self.accepted if entry[0] == key), key=lambda entry: entry[2])[:1]
        self.accepted = [entry for entry in self.accepted if entry[0] != key] + first

    def public(self) -> list[tuple[str, AdaptedPost]]:
        """Lists the posts that followers see by now."""
        return self.posts + [(key, post) for key, post, at in self.accepted if at <= self.now()]

    def lists(self, key: str, newer_than: datetime | None) -> bool:
        """Decides whether the platform lists a post with this key that is not older than that, by its own clock."""
        is_listed = any(
            at + self.listing_lag <= self.now() and (newer_than is None or at >= newer_than)
            for accepted, _, at in self.accepted
            if accepted == key
        )
        return not self.hidden and (is_listed or any(posted == key for posted, _ in self.posts))


class FakeAdapter(PlatformAdapter):
    secrets: ClassVar[tuple[Secret, ...]] = ()

    def __init__(self, platform: FakePlatform) -> None:
        self.platform = platform

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        raise AssertionError("tests make it themselves")

    @classmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        raise AssertionError("tests never ask")

    @classmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        """`https://fake.example/NAME`, where a name begins with `other-` when another account made the post."""
        link = read_link(reference)
        if link is None or link.host != "fake.example":
            raise LinkRefused(LinkFault.NOT_A_LINK if link is None else LinkFault.OTHER_PLATFORM)
        if not link.path:
            raise LinkRefused(LinkFault.NOT_A_POST)
        if link.path[-1].startswith("other-"):
            raise LinkRefused(LinkFault.OTHER_ACCOUNT)
        return f"id-{link.path[-1]}"

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        return f"key-{seed.token}"

    def verify_credentials(self) -> Account:
        self.platform.credential_checks += 1
        if self.platform.account_trouble is not None:
            raise self.platform.account_trouble
        return Account(id="1", name="fake")

    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        if self.platform.on_upload:
            raise self.platform.on_upload.pop(0)
        self.platform.uploads += 1
        return UploadedMedia(image=image, alt_text=alt_text, reference=f"m{position}")

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        self.platform.publish_calls.append(idempotency_key)
        if self.platform.while_publishing:
            self.platform.while_publishing()
        self.platform.listener(post.channel, self.platform.quotas)
        if self.platform.before:
            raise self.platform.before.pop(0)
        if self.platform.late:
            self.platform.accept(idempotency_key, post, self.platform.late.pop(0))
            raise Unconfirmed(recorded_problem("the answer was lost"))
        self.platform.accept(idempotency_key, post)
        if self.platform.after:
            raise self.platform.after.pop(0)
        return self._publication(idempotency_key)

    def _publication(self, key: str) -> Publication:
        return Publication(remote_id=f"id-{key}", url=f"https://fake.example/{key}")

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        if self.platform.on_find:
            raise self.platform.on_find.pop(0)
        is_listed = self.platform.lists(idempotency_key, preparation.platform_time)
        return self._publication(idempotency_key) if is_listed else Absence.NOT_LISTED

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        if self.platform.on_read:
            raise self.platform.on_read.pop(0)
        if remote_id in self.platform.removed:
            return None
        images = next((len(post.images) for key, post in self.platform.public() if remote_id == f"id-{key}"), 1)
        alt_texts = (self.platform.shown_alt_text,) * images
        fields = {"remote_id": remote_id, "url": None, "image_count": images, "alt_texts": alt_texts}
        return PublishedPost.model_validate(fields | self.platform.shown_fields)

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        return first_difference(post.caption, shown)


class TimedAdapter(FakeAdapter):
    """Reads the platform's clock before the request, and lists posts from that time on."""

    def prepare(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        return Preparation(platform_time=earlier.platform_time or self.platform.now())


class DraftingAdapter(FakeAdapter):
    """Publishes from drafts: publishing one twice makes one post, and its id tells whether it is public."""

    def prepare(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        draft = earlier.reference or f"draft {len(self.platform.drafts) + 1}"
        self.platform.drafts.add(draft)
        return Preparation(reference=draft, is_draft=True)

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        assert preparation.reference in self.platform.drafts
        try:
            return super().publish(post, media, idempotency_key=idempotency_key, preparation=preparation)
        finally:
            self.platform.keep_first(idempotency_key)

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        if self.platform.on_find:
            raise self.platform.on_find.pop(0)
        is_public = any(key == idempotency_key for key, _ in self.platform.public())
        return self._publication(idempotency_key) if is_public else Absence.UNPUBLISHED


class BlindAdapter(FakeAdapter):
    """Publishes on a platform that can't be searched."""

    find_publication = None  # type: ignore[assignment]


class FakeChannels(Channels):
    """Opens the same platform in memory for every channel."""

    zone = ZoneInfo("Europe/London")
    uplink_bytes_per_second = 32_000.0

    def __init__(self, platform: FakePlatform, profile: Profile, adapter: type[FakeAdapter] = FakeAdapter) -> None:
        self.platform = platform
        self.budget: float | None = None
        self.removed: set[str] = set()
        """Channels that are in the configuration no more."""
        self.account_name = "fake"
        self._profile = profile
        self._adapter = adapter

    def __contains__(self, name: str) -> bool:
        return name not in self.removed

    def profile(self, name: str) -> Profile:
        return self._profile

    def account(self, name: str) -> str:
        return self.account_name

    def adapter(self, name: str) -> type[PlatformAdapter]:
        return self._adapter

    def monthly_budget(self, name: str) -> float | None:
        return self.budget

    def on_quota(self, listener: Callable[[str, Sequence[Quota]], None]) -> None:
        self.platform.listener = listener

    def open(self, name: str) -> PlatformAdapter:
        return self._adapter(self.platform)


class FakeRenderer(Renderer):
    def __init__(self) -> None:
        self.rendered = 0

    def render(self, spec: RenditionSpec) -> Rendition:
        self.rendered += 1
        return Rendition(path=Path("x.jpeg"), sha256="1" * 64, format="jpeg", width=10, height=10, bytes=100)


def adapted_post(title: str = "A title", thread: tuple[str, ...] = ()) -> AdaptedPost:
    return AdaptedPost(
        channel="fake",
        platform="fake",
        language="en",
        title=title,
        caption=title,
        thread=thread,
        images=(AdaptedImage(spec=SPEC, alt_text="alt"),),
    )


def add_delivery(
    database: Database,
    now: datetime,
    *,
    channel: str = "fake",
    day_offset: int = 0,
    due_at: datetime | None = None,
    expires_in: timedelta = timedelta(hours=11),
    title: str = "A title",
    thread: tuple[str, ...] = (),
) -> int:
    """Adds a pick with one delivery, due now, and the rows that the foreign keys need."""
    with database.writing() as session:
        if session.get(Channel, channel) is None:
            session.add(Channel(name=channel, platform="fake"))
        post = Post(
            state="approved", approved_at=now, position=1.0, title=title, created_at=now, updated_at=now, images=[]
        )
        slot = (now + timedelta(days=day_offset)).date()
        pick = Pick(slot=slot, post=post, reason="queue", picked_at=now)
        session.add_all([post, pick])
        delivery = open_delivery(
            session,
            NewDelivery(
                pick=pick,
                channel=channel,
                adapted=adapted_post(title, thread),
                due_at=due_at or now,
                expires_at=now + expires_in,
            ),
            now=now,
        )
        return delivery.id


def the_delivery(database: Database, delivery_id: int) -> Delivery:
    with database.reading() as session:
        return session.get_one(Delivery, delivery_id)


def next_due(session: Session, now: datetime) -> datetime | None:
    """Returns the next instant, after now, at which a channel has work; None: nothing waits for one."""
    return next((due.at for due in next_appointments(session, now) if due.at > now), None)


def pass_time(database: Database, clock: FixedClock, drain: Callable[[], object], duration: timedelta) -> None:
    """Advances the clock from one instant at which something is due to the next, as a desk's tick would."""
    end = clock.now() + duration
    while clock.now() < end:
        recover_lost(database, clock.now(), timedelta(seconds=10), lambda owner: False)
        drain()
        with database.reading() as session:
            leases = session.scalar(select(func.min(Delivery.lease_until)))
            due = [instant for instant in (next_due(session, clock.now()), leases) if instant is not None]
        clock.instant = min(end, max(min(due, default=end), clock.now() + MIN_STEP))
    drain()
