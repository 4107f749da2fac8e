"""Publishes on X through tweepy.

X takes no idempotency key. What makes an unknown outcome findable is the post itself: its text,
as X rewrites it, its number of pictures, and which post it answers, on the account's own timeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import requests
from requests.auth import AuthBase

from publisher import __version__
from publisher.core.content import Absence, Account, AdaptedPost, Preparation, Publication, PublishedPost, Rendition
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import Connection, Dialogue, KeySeed, PlatformAdapter, PostPart, Secret, UploadedMedia
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.login_steps import LoginStep, log_in_by_dialogue
from publisher.platforms.text_difference import TextDifference
from publisher.platforms.transport import SentRequest, json_object, new_session, short_answer
from publisher.platforms.x import links
from publisher.platforms.x.answers import dicts_in, is_gone, media_keys, parse_instant, read_account, read_data
from publisher.platforms.x.client import XClient
from publisher.platforms.x.login import Login, begin, check_app, choose_login, finish, new_auth
from publisher.platforms.x.problem_codes import XLoginProblem, XProblem
from publisher.platforms.x.public_text import text_difference, text_of
from publisher.platforms.x.refusals import Missing, describe_answer, judge_duplicate, judge_refused_reply
from publisher.platforms.x.timeline import NOT_READ, Timeline, lowest_id_since, number_at
from publisher.platforms.x.upload import Uploads

USER_AGENT = f"publisher/{__version__}"
PUBLISHING = SentRequest(_("Publishing on X"), publishing=True)


class Adapter(PlatformAdapter):
    leads_back: ClassVar[bool] = True
    # https://docs.x.com/x-api/fundamentals/edit-posts: each edit makes another post with an id of its own.
    fixed_parts: ClassVar[Mapping[PostPart, Problem]] = dict.fromkeys(PostPart, XProblem.CORRECTED_BY_HAND_ONLY())
    secrets: ClassVar[tuple[Secret, ...]] = (
        Secret(name="consumer_key", hint=_("the X app's API key"), required=False),
        Secret(name="consumer_secret", hint=_("the X app's API key secret"), required=False),
        Secret(name="access_token", hint=_("the account's access token"), required=False),
        Secret(name="access_token_secret", hint=_("the account's access token secret"), required=False),
        Secret(name="client_id", hint=_("the X app's OAuth 2 client id"), required=False),
        Secret(name="client_secret", hint=_("the X app's OAuth 2 client secret"), required=False),
    )

    def __init__(self, connection: Connection, client: XClient, login: Login) -> None:
        self._profile = connection.profile
        self._clock = connection.clock
        self._client = client
        self._login = login
        self._uploads = Uploads(client, connection.uplink_bytes_per_second)
        self._number = login.user_id
        self._timeline = Timeline(client, self._user_id)

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        http = _http(connection)
        login: Login = choose_login(connection, http)
        return cls(connection, _client(connection, http, login), login)

    @classmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        """Logs in by PIN, or with OAuth 2 where the channel has a client id and no consumer key."""
        return log_in_by_dialogue(cls, connection, dialogue)

    @classmethod
    def check_app(cls, connection: Connection) -> None:
        check_app(connection)

    @classmethod
    def begin_login(cls, connection: Connection, callback_url: str) -> LoginStep:
        return begin(connection, _http(connection), callback_url)

    @classmethod
    def finish_login(cls, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]) -> Account:
        http = _http(connection)
        session = finish(connection, http, kept, answer)
        auth = new_auth(connection, session)
        account = read_account(_client(connection, http, lambda: auth).get_me())
        expected = connection.account.removeprefix("@")
        if account.name.lower() != expected.lower():
            raise CredentialsRefused(
                XLoginProblem.OTHER_ACCOUNT(name=account.name, channel=connection.channel, expected=expected)
            )
        with connection.session.alone():
            # Else a renewal of the former log-in, under way just now, could overwrite the new one.
            connection.session.save({**session, "user_id": account.id})
        return account

    @classmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        return links.post_id_of(reference, account)

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        """Returns a name for our own records; X never sees it."""
        return f"x-{seed.token}"

    def verify_credentials(self) -> Account:
        account = read_account(self._client.get_me())
        if self._client.may_only_read:
            raise CredentialsRefused(XLoginProblem.KEYS_MAY_ONLY_READ(account=account.name))
        return account

    def login_ends(self) -> datetime | None:
        return self._login.ends()

    def keep_login(self) -> None:
        self._login.keep()

    # --- sending -----------------------------------------------------------------------------

    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        if image.format == "gif" and total > 1:
            raise UnsupportedContent(XProblem.ANIMATION_NOT_ALONE())
        number = position + 1
        reference = self._uploads.upload(image, SentRequest(_("Uploading picture {number} to X", number=number)))
        if alt_text:
            sent = SentRequest(_("Giving picture {number} its alt text on X", number=number))
            self._uploads.describe(reference, alt_text, sent)
        return UploadedMedia(image=image, alt_text=alt_text, reference=reference)

    def prepare(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        """Notes which post our own one will be newer than: the account's newest, or the one that it answers.

        The first one is kept when the request is made again: a copy that a listing shows late is newer than that.
        """
        if earlier.reference and not earlier.unfinished:
            return earlier.model_copy(update={"repeats": True})
        if post.reply_to:
            return Preparation(reference=post.reply_to, repeats=earlier.restored_since is not None)
        if earlier.restored_since is not None:
            # A lost desk may have sent it. Its post would be older than the newest one now.
            return Preparation(reference=lowest_id_since(earlier.restored_since), repeats=True)
        try:
            return self._timeline.newest()
        except RateLimited:
            if self._client.platform_time is None:
                raise
            # Reading has a limit of its own, and the post does not wait for that: X's time is a bound, too.
            return Preparation(reference=NOT_READ, platform_time=self._client.platform_time)

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        if len(media) > self._profile.images.maximum:
            maximum = self._profile.images.maximum
            raise UnsupportedContent(XProblem.TOO_MANY_IMAGES(maximum=maximum, images=len(media)))
        payload: dict[str, Any] = {"text": post.caption}
        if media:
            payload["media"] = {"media_ids": [picture.reference for picture in media]}
        if post.reply_to:
            payload["reply"] = {"in_reply_to_tweet_id": post.reply_to}
        try:
            response = self._send_post(payload)
        except AlreadyPublic as error:
            if preparation.repeats:
                raise
            return self._sent_twice_by_others(post, preparation, error)
        except ContentRejected as error:
            if not post.reply_to:
                raise
            raise judge_refused_reply(error, answered_is_old=self._is_shown_by_now(post.reply_to)) from error
        remote_id = str(read_data(json_object(response)).get("id"))
        if not remote_id.isdecimal():
            raise Unconfirmed(XProblem.POST_WITHOUT_ID(step=PUBLISHING.what), **describe_answer(response))
        return self._publication(remote_id, response.headers.get("x-transaction-id"), short_answer(response))

    def _send_post(self, payload: Mapping[str, Any]) -> requests.Response:
        """Sends the one request that publishes."""
        return self._client.request(
            "POST",
            "/2/tweets",
            json=payload,
            sent=PUBLISHING,
            read_timeout=self._profile.publishing.timeout_seconds,
        )

    def _sent_twice_by_others(self, post: AdaptedPost, preparation: Preparation, error: AlreadyPublic) -> Publication:
        """Finds our post after X refused the first request for it as a copy: something in front may have sent it twice.

        Raises:
            ContentRejected: an older post has this text.
            AlreadyPublic: the question was not answered.
        """
        try:
            knows_newest = preparation.reference.isdecimal()
            numbers = self._timeline.find(post, self._clock.now(), preparation) if knows_newest else []
        except PlatformError as unanswered:
            raise error from unanswered
        if numbers:
            return self._publication(numbers[0], error.request_id, "X has the post since this request")
        refused = judge_duplicate(error)
        raise (judge_refused_reply(refused, answered_is_old=False) if post.reply_to else refused) from error

    def _is_shown_by_now(self, number: str) -> bool:
        """Returns whether X's worst lag is over for a post with this number, by X's own clock."""
        now, lag = self._client.platform_time, timedelta(seconds=self._profile.publishing.listing_lag_seconds)
        return now is not None and number.isdecimal() and int(number) < number_at(now - lag)

    def _publication(self, remote_id: str, request_id: str | None = None, answer: str = "") -> Publication:
        return Publication(remote_id=remote_id, url=self._url(remote_id), request_id=request_id, answer=answer)

    def _url(self, remote_id: str) -> str:
        return self._profile.post_url.format(id=remote_id)

    # --- reading -----------------------------------------------------------------------------

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        publications = [self._publication(number) for number in self._timeline.find(post, since, preparation)]
        return (
            publications[0].model_copy(update={"copies": tuple(publications[1:])})
            if publications
            else Absence.NOT_LISTED
        )

    def publications_since(self, post: AdaptedPost, since: datetime) -> list[Publication]:
        return [self._publication(number) for number in self._timeline.numbers_since(since, post.reply_to)]

    def _user_id(self) -> str:
        if self._number is None:
            self._number = self.verify_credentials().id
        return self._number

    def count_posts_read(self) -> int:
        return self._client.posts_read

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        user_id = self._user_id()
        try:
            body = self._client.get_tweet(
                remote_id,
                expansions=["attachments.media_keys"],
                media_fields=["alt_text", "type"],
                tweet_fields=["attachments", "author_id", "created_at", "note_tweet"],
            )
        except Missing:
            return None
        tweet = read_data(body)
        if not tweet:
            if is_gone(body):
                return None
            raise Unavailable(XProblem.POST_MISSING_IN_ANSWER(step=_("Reading the post on X")))
        keys = media_keys(tweet)
        shown = {medium.get("media_key"): medium.get("alt_text") for medium in dicts_in(body.get("includes"), "media")}
        return PublishedPost(
            remote_id=remote_id,
            url=self._url(remote_id),
            image_count=len(keys),
            alt_texts=tuple(shown.get(key) for key in keys),
            text=text_of(tweet),
            is_own=str(tweet["author_id"]) == user_id if tweet.get("author_id") else None,
            published_at=parse_instant(tweet.get("created_at")),
        )

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        return text_difference(post, shown)


def _http(connection: Connection) -> requests.Session:
    return new_session(USER_AGENT, proxy=connection.proxy, ca_file=connection.ca_file)


def _client(connection: Connection, http: requests.Session, signer: Callable[[], AuthBase]) -> XClient:
    return XClient(
        http,
        signer,
        base_url=connection.base_url,
        clock=connection.clock,
        quotas=connection.quotas,
        platform_clock=connection.platform_clock,
    )
