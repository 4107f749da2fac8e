"""Publishes on Instagram through instagrapi: one log-in by hand, then one session, one request per post.

A worker never logs in, asks nobody and answers no challenge: whatever Instagram wants from a
person pauses the channel and says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from instagrapi.exceptions import (
    ClientNotFoundError,
    InvalidMediaId,
    MediaNotFound,
    MediaUnavailable,
    PhotoNotUpload,
)

from publisher.core.content import Absence, Account, AdaptedPost, Preparation, Publication, PublishedPost, Rendition
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.platforms.abilities import NOTHING_PREPARED, CorrectionEnd
from publisher.platforms.base import Connection, Dialogue, KeySeed, PlatformAdapter, PostPart, Secret, UploadedMedia
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.instagram import links
from publisher.platforms.instagram.answers import Answer
from publisher.platforms.instagram.client import OnceClient
from publisher.platforms.instagram.correcting import CORRECTING, check_shown, edit_fields
from publisher.platforms.instagram.listing import NewerThan, is_post, is_whole, pictures_of, taken_at
from publisher.platforms.instagram.login import begin, check_account, client_of, convert_errors, finish, stored_session
from publisher.platforms.instagram.problem_codes import (
    InstagramAccountProblem,
    InstagramPostProblem,
    InstagramRequestProblem,
)
from publisher.platforms.login_steps import LoginStep, log_in_by_dialogue
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.profiles import Profile
from publisher.platforms.text_difference import TextDifference, first_difference
from publisher.platforms.transport import SentRequest

KEY_WINDOW = 1_000_000
KEY_STEP = 16
"""Keys are milliseconds: about a quarter of an hour around the true time, each with room for its pictures."""
PAGE = 12
PAGES = 10
LOOK_UP_SECONDS = 60.0
"""The longest that a look-up takes, all its pages together."""
TIME_MARGIN = timedelta(days=1)
"""How much older than the request a post may be, where only clocks decide. They can be off by a time zone, and the
same caption comes again after months only."""
UPLOADING = SentRequest(_("Uploading a picture to Instagram"))
PUBLISHING = SentRequest(_("Publishing on Instagram"), publishing=True)
READING_NEWEST = SentRequest(_("Reading the newest post on Instagram"))
READING_CLOCK = SentRequest(_("Reading Instagram's clock"))
READING_POST = SentRequest(_("Reading the post on Instagram"))
LOOKING_UP = SentRequest(_("Looking for the post on Instagram"))
GONE = (ClientNotFoundError, InvalidMediaId, MediaNotFound, MediaUnavailable)


class Adapter(PlatformAdapter):
    leads_back: ClassVar[bool] = False
    fixed_parts: ClassVar[Mapping[PostPart, Problem]] = {
        PostPart.ALT_TEXTS: InstagramPostProblem.ALT_TEXTS_STAY(),
        PostPart.PICTURES: CorrectionProblem.PICTURES_STAY(),
    }
    secrets: ClassVar[tuple[Secret, ...]] = (
        Secret(name="username", hint=_("the log-in name, where it is not the account's name"), required=False),
        Secret(name="password", hint=_("the account's password, used only to connect the channel"), required=False),
        Secret(
            name="totp_seed", hint=_("the authenticator app's key, used only to connect the channel"), required=False
        ),
    )

    def __init__(self, connection: Connection, client: OnceClient) -> None:
        self._connection = connection
        self._profile = connection.profile
        self._client = client

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        session = stored_session(connection)
        signed_in = session.get("authorization_data")
        if not (isinstance(signed_in, dict) and signed_in.get("sessionid") and signed_in.get("ds_user_id")):
            raise CredentialsRefused(InstagramAccountProblem.NOT_LOGGED_IN(channel=connection.channel))
        return cls(connection, client_of(connection, session))

    @classmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        return log_in_by_dialogue(cls, connection, dialogue)

    @classmethod
    def check_app(cls, connection: Connection) -> None:
        """Checks nothing: whatever is not in the configuration is asked for."""

    @classmethod
    def begin_login(cls, connection: Connection, callback_url: str) -> LoginStep | Account:
        return begin(connection)

    @classmethod
    def finish_login(
        cls, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> LoginStep | Account:
        return finish(connection, kept, answer)

    @classmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        return links.post_id_of(reference, account)

    @classmethod
    def post_url_of(cls, post_id: str, account: str, profile: Profile) -> str:
        return profile.post_url.format(id=links.code_of(post_id))

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        milliseconds = int(seed.created_at.timestamp() * 1000)
        place = int(seed.token, 16) % (KEY_WINDOW // KEY_STEP)
        return str(milliseconds - milliseconds % KEY_WINDOW + place * KEY_STEP)

    def verify_credentials(self) -> Account:
        return check_account(self._connection, self._client)

    # --- publishing --------------------------------------------------------------------------

    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        if image.format not in self._profile.images.formats:
            raise UnsupportedContent(InstagramPostProblem.PICTURE_FORMAT(format=image.format))
        reference = idempotency_key if total == 1 else str(int(idempotency_key) + 1 + position)
        with self._converting_errors(UPLOADING):
            try:
                self._client.upload(image, reference, in_carousel=total > 1)
            except PhotoNotUpload:
                # Ids are never shared, so Instagram has this picture from an earlier try whose answer was lost, or a
                # post has it already. A new id would make a second copy in that case. With the old one the
                # publishing request finds the picture, or is told that the post is public.
                if not Answer.of(self._client.last_response).id_was_used:
                    raise
        return UploadedMedia(image=image, alt_text=alt_text, reference=reference)

    def prepare(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        """Reads the account's newest post: ours will be newer, whatever the clocks say.

        Instagram's numbers of posts grow with time: five answers in reports of 2016 to 2019, such as
        https://github.com/mgp25/Instagram-API/issues/1071, have a number made in the second in which the post was
        taken, not when its picture went up. A listing that lags shows an older post, and the bound stays true.
        The `Date` of the answers is the second choice, for it need not be the clock that dates the posts.
        """
        if earlier != NOTHING_PREPARED and not earlier.unfinished:
            # A post of the former request must be found too, when it comes late.
            return earlier
        try:
            items = self._page({}, READING_NEWEST)["items"]
        except Unavailable:
            if self._client.platform_time is None:
                raise
            items = []
        # A listing without a post may be wrong, and says no more than none.
        newest = max((int(item["pk"]) for item in items), default="")
        return Preparation(reference=str(newest), platform_time=self._client.platform_time)

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        maximum = self._profile.images.maximum
        if not 1 <= len(media) <= maximum:
            raise UnsupportedContent(InstagramPostProblem.PICTURE_COUNT(maximum=maximum, pictures=len(media)))
        with self._converting_errors(PUBLISHING):
            answer = self._client.publish(post.caption, media, idempotency_key)
        item = answer.get("media")
        publication = self._publication(item) if isinstance(item, dict) else None
        if publication is None:
            raise Unconfirmed(InstagramRequestProblem.WITHOUT_POST(step=PUBLISHING.what), status=200)
        return publication

    def _publication(self, item: Mapping[str, Any]) -> Publication | None:
        """Returns the post that an item describes; None when there is no item."""
        number = str(item.get("pk", ""))
        if not number.isdecimal():
            return None
        url = self._url(item)
        return Publication(remote_id=number, url=url, answer=f"post {number}, {url}")

    def _url(self, item: Mapping[str, Any]) -> str:
        code = item.get("code") or self._client.media_code_from_pk(item["pk"])
        return self._profile.post_url.format(id=code)

    # --- reading -----------------------------------------------------------------------------

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        with self._client.within(LOOK_UP_SECONDS):
            bound = self._bound(since, preparation)
            items = self._own_items(bound)
        ours = [item for item in items if _carries(item, idempotency_key)]
        # Instagram does not show the upload id of every post. Then the caption and the number of pictures decide,
        # among newer posts only: a post of the reserve was shown before, with the same caption.
        alike = [item for item in items if bound.holds_for(item) and _shows(item, post)]
        publications = [self._publication(item) for item in (*ours, *alike)]
        publications_found = [
            *{publication.remote_id: publication for publication in publications if publication is not None}.values()
        ]
        return (
            publications_found[0].model_copy(update={"copies": tuple(publications_found[1:])})
            if publications_found
            else Absence.NOT_LISTED
        )

    def publications_since(self, post: AdaptedPost, since: datetime) -> list[Publication]:
        with self._client.within(LOOK_UP_SECONDS):
            bound = self._bound(since, NOTHING_PREPARED)
            items = [item for item in self._own_items(bound) if bound.holds_for(item)]
        return [publication for item in items if (publication := self._publication(item))]

    def _bound(self, since: datetime, preparation: Preparation) -> NewerThan:
        """Returns what every post of the request is newer than."""
        if preparation.reference:
            return NewerThan(number=int(preparation.reference))
        if preparation.platform_time is not None:
            return NewerThan(time=preparation.platform_time - TIME_MARGIN)
        if self._client.clock_ahead is None:
            self._page({}, READING_CLOCK)
        ahead = self._client.clock_ahead or timedelta(0)
        return NewerThan(time=min(since, since + ahead) - TIME_MARGIN)

    def _own_items(self, bound: NewerThan) -> list[dict[str, Any]]:
        """Returns the account's posts, at least those that are newer than the bound."""
        items: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        for _page in range(PAGES):
            page = self._page(after, LOOKING_UP)
            items += page["items"]
            # Pinned posts stand first, whatever their age; the last of a page is the oldest of the others.
            if page.get("more_available") is False or (page["items"] and not bound.holds_for(page["items"][-1])):
                return self._as_new_as(bound, items)
            after = {"max_id": str(page["next_max_id"])}
        raise Unavailable(InstagramRequestProblem.LISTING_TOO_LONG(step=LOOKING_UP.what, maximum=PAGE * PAGES))

    def _as_new_as(self, bound: NewerThan, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Returns these posts, unless the listing is older than the one that was read before the request.

        Where the post that was the newest then is gone, somebody has removed it.
        """
        number = bound.number
        if number is None or any(int(item["pk"]) >= number for item in items):
            return items
        if self.read_publication(str(number)) is not None:
            raise Unavailable(InstagramRequestProblem.LISTING_OUTDATED(step=LOOKING_UP.what))
        return items

    def _page(self, after: Mapping[str, str], sent: SentRequest) -> dict[str, Any]:
        """Returns a page of the account's posts that can be read whole; absence counts only then."""
        with self._converting_errors(sent):
            page = self._client.private_request(f"feed/user/{self._client.user_id}/", params={"count": PAGE, **after})
        if not is_whole(page):
            raise Unavailable(InstagramRequestProblem.INCOMPLETE(step=sent.what))
        return page

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        item = self._item(remote_id)
        if item is None:
            return None
        pictures = pictures_of(item)
        return PublishedPost(
            remote_id=remote_id,
            url=self._url(item),
            image_count=len(pictures),
            alt_texts=tuple(_alt_text(picture) for picture in pictures),
            text=_text(item),
            is_own=self._is_own(item),
            published_at=taken_at(item),
        )

    def _item(self, remote_id: str) -> dict[str, Any] | None:
        """Returns the post as Instagram shows it; None when it is gone."""
        with self._converting_errors(READING_POST):
            try:
                items = self._client.private_request(f"media/{remote_id}/info/").get("items")
            except GONE:
                if Answer.of(self._client.last_response).is_own:
                    return None
                raise
        if not isinstance(items, list) or not items or not is_post(items[0]):
            raise Unavailable(InstagramRequestProblem.WITHOUT_POST(step=READING_POST.what))
        item: dict[str, Any] = items[0]
        return item

    def correct(self, remote_id: str, *, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
        item = self._item(remote_id)
        if item is None:
            raise ContentRejected(CorrectionProblem.POST_GONE(platform=self._profile.label))
        if self._is_own(item) is False:
            raise ContentRejected(CorrectionProblem.OTHER_ACCOUNT(platform=self._profile.label))
        if (end := check_shown(item, _text(item), before, after)) is not None:
            return end
        fields = self._client.with_default_data(edit_fields(item, after.caption))
        with self._converting_errors(CORRECTING):
            try:
                answer = self._client.private_request(f"media/{remote_id}_{self._client.user_id}/edit_media/", fields)
            except GONE as error:
                if not Answer.of(self._client.last_response).is_own:
                    raise
                raise ContentRejected(CorrectionProblem.POST_GONE(platform=self._profile.label)) from error
        if answer.get("status") != "ok":
            raise Unconfirmed(InstagramRequestProblem.WITHOUT_POST(step=CORRECTING.what), status=200)
        return CorrectionEnd.SENT

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        return first_difference(post.caption, shown)

    def _is_own(self, item: Mapping[str, Any]) -> bool | None:
        """Returns whether our account made this post; None where Instagram does not say."""
        user = item.get("user")
        number = user.get("pk") if isinstance(user, dict) else None
        return None if number is None else str(number) == str(self._client.user_id)

    def _converting_errors(self, sent: SentRequest) -> AbstractContextManager[None]:
        return convert_errors(self._connection, self._client, sent)


# --- answers ---------------------------------------------------------------------------------


def _carries(item: Mapping[str, Any], key: str) -> bool:
    return key in (str(item.get("device_timestamp")), str(item.get("client_sidecar_id")))


def _shows(item: Mapping[str, Any], post: AdaptedPost) -> bool:
    return first_difference(post.caption, _text(item)) is None and len(pictures_of(item)) == len(post.images)


def _text(item: Mapping[str, Any]) -> str:
    caption = item.get("caption")
    return str((caption.get("text") if isinstance(caption, dict) else "") or "")


def _alt_text(picture: Mapping[str, Any]) -> str | None:
    return str(picture["accessibility_caption"] or "") if "accessibility_caption" in picture else None
