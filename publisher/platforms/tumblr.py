"""Tumblr: one request carries text and pictures, and the slug of a post makes it findable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from publisher.content import Absence, Account, AdaptedPost, Preparation, Publication, PublishedPost, Rendition
from publisher.platforms import tumblr_links
from publisher.platforms.base import (
    NOTHING_PREPARED,
    Connection,
    Dialogue,
    KeySeed,
    PlatformAdapter,
    Secret,
    UploadedMedia,
)
from publisher.platforms.errors import CredentialsRefused, PlatformError, RateLimited, Unavailable, UnsupportedContent
from publisher.platforms.steps import LoginStep, mind_secrets, talk_through
from publisher.platforms.text_difference import TextDifference
from publisher.platforms.transport import new_session
from publisher.platforms.tumblr_answers import DailyLimit, NotFound, daily_reset
from publisher.platforms.tumblr_client import API, PAGE, Attachment, Keys, SafeTumblrClient
from publisher.platforms.tumblr_login import LOGIN_HOST, TumblrLogin
from publisher.platforms.tumblr_npf import npf_body, text_blocks
from publisher.platforms.tumblr_shown import is_visible, tags_of, text_difference, text_of
from publisher.profiles import Profile

USER_AGENT = "publisher (a daily picture desk)"
CONSUMER = ("consumer_key", "consumer_secret")
TOKENS = ("oauth_token", "oauth_token_secret")
SLUG_WORDS = 40
"""The most characters that the title gives to a slug."""
OTHER_KEY = re.compile(r"(?:^|-)[0-9a-f]{12}$")
MOST_PAGES = 20
"""Of 20 posts each: more than Tumblr takes from one account in a day."""
CLOCK_DIFFERENCE = timedelta(seconds=60)


class Adapter(PlatformAdapter):
    """One Tumblr blog. Implements `SupportsLookup`, `SupportsReadBack` and `SupportsQuotas`."""

    leads_back: ClassVar[bool] = True
    secrets: ClassVar[tuple[Secret, ...]] = (
        Secret(name="consumer_key", hint="the consumer key of your Tumblr application"),
        Secret(name="consumer_secret", hint="the consumer secret of your Tumblr application"),
        Secret(name="oauth_token", hint="the token of your Tumblr account", required=False),
        Secret(name="oauth_token_secret", hint="the token secret of your Tumblr account", required=False),
    )

    def __init__(self, connection: Connection, client: SafeTumblrClient) -> None:
        self._connection = connection
        self._profile = connection.profile
        self._blog = blog_name(connection.account)
        self._client = client

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        found = dict(connection.secrets)
        if not all(map(found.get, TOKENS)):
            found |= _stored_tokens(connection)
        for name in (*CONSUMER, *TOKENS):
            if not found.get(name):
                raise CredentialsRefused(_missing(connection, name))
        return cls(connection, _client(connection, found))

    @classmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        return talk_through(cls, connection, dialogue)

    @classmethod
    def check_app(cls, connection: Connection) -> None:
        for name in CONSUMER:
            if not connection.secrets.get(name):
                raise CredentialsRefused(_missing(connection, name))

    @classmethod
    def begin_login(cls, connection: Connection, callback_url: str) -> LoginStep:
        cls.check_app(connection)
        return mind_secrets(_login(connection).begin(callback_url), connection, *TOKENS)

    @classmethod
    def finish_login(cls, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]) -> Account:
        cls.check_app(connection)
        tokens = _login(connection).finish(kept, answer)
        account = cls(connection, _client(connection, {**connection.secrets, **tokens})).verify_credentials()
        connection.session.save(tokens)
        return account

    @classmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        return tumblr_links.post_id_of(reference, account)

    @classmethod
    def post_url_of(cls, post_id: str, account: str, profile: Profile) -> str:
        return profile.post_url.format(account=blog_name(account), id=post_id)

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        """A slug: words of the title, then the whole token."""
        letters = unicodedata.normalize("NFKD", seed.title.casefold())
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
        words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        if len(words) > SLUG_WORDS:
            words = words[: SLUG_WORDS + 1].rpartition("-")[0] or words[:SLUG_WORDS]
        return f"{words}-{seed.token}".lstrip("-")

    def verify_credentials(self) -> Account:
        answer = self._client.info()
        user = answer.get("user") if isinstance(answer, dict) else None
        blogs = user.get("blogs") if isinstance(user, dict) else None
        if not isinstance(blogs, list):
            raise Unavailable("Tumblr described the account in a way that can't be read")
        names = [str(blog.get("name")) for blog in blogs if isinstance(blog, dict)]
        for blog in blogs:
            if isinstance(blog, dict) and blog.get("name") == self._blog:
                return Account(id=str(blog.get("uuid") or self._blog), name=self._blog, url=blog.get("url"))
        raise CredentialsRefused(
            f"The keys of channel {self._connection.channel!r} belong to {', '.join(names) or 'no blog'}, "
            f"and its account is {self._blog!r}; correct one of them."
        )

    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        """Check the file: Tumblr takes pictures only together with their post."""
        limits = self._profile.images
        if image.format not in limits.formats:
            raise UnsupportedContent(f"Tumblr takes no {image.format} pictures; picture {position + 1} is one.")
        if not image.path.is_file():
            raise Unavailable(f"The file of picture {position + 1} is gone; it is made again at the next try.")
        if (size := image.path.stat().st_size) > limits.max_bytes:
            raise UnsupportedContent(
                f"Picture {position + 1} has {size} bytes and Tumblr takes {limits.max_bytes}; make it smaller."
            )
        return UploadedMedia(image=image, alt_text=alt_text, reference=f"image{position}")

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        body = npf_body(post, media, idempotency_key)
        files = [_attachment(each) for each in media]
        total, limit = sum(len(file.content) for file in files), self._profile.images.max_total_bytes
        if limit is not None and total > limit:
            raise UnsupportedContent(f"The pictures have {total} bytes together and Tumblr takes {limit}; use fewer.")
        try:
            identifier = self._client.create(body, files)
        except DailyLimit as error:
            raise self._until_reset(error) from error
        return Publication(
            remote_id=identifier,
            url=self._profile.post_url.format(account=self._blog, id=identifier),
            answer=f"id {identifier}",
        )

    def _until_reset(self, error: DailyLimit) -> RateLimited:
        """The same error with the time at which Tumblr itself begins a new day, if it tells."""
        try:
            reset = daily_reset(self._client.limits())
        except PlatformError:
            # The limit itself is certain; only its end then stays an estimate.
            reset = None
        return RateLimited(error.message, retry_at=reset or error.retry_at, status=error.status, answer=error.answer)

    def read_quotas(self) -> None:
        try:
            self._client.limits()
        except NotFound as error:
            # The account has its limits nevertheless: it is the question that is gone.
            raise Unavailable(error.message, status=error.status, answer=error.answer) from error

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        """By slug; else, should Tumblr have changed the slug, by first text and tags."""
        oldest = int((since - CLOCK_DIFFERENCE).timestamp())
        lookalike = None
        for found in self._recent(oldest):
            if idempotency_key in (_slug(found), _tail(found)):
                return self._publication(found)
            if lookalike is None and _timestamp(found) >= oldest and _looks_like(found, post):
                lookalike = found
        return self._publication(lookalike) if lookalike else Absence.NOT_LISTED

    def _recent(self, oldest: int) -> Iterator[dict[str, Any]]:
        """Published posts, newest first, until they are older than `oldest` in epoch seconds."""
        seen: set[str] = set()
        before, skip = None, 0
        for _ in range(MOST_PAGES):
            new = [post for post in self._client.recent(before, skip) if _identifier(post) not in seen]
            # A page of known posts is the end only behind as many as are known: a second can have more than a page.
            if not new and skip >= len(seen):
                return
            yield from new
            seen |= {_identifier(post) for post in new}
            # The last counts: a pinned post stands first whatever its age.
            if new and _timestamp(new[-1]) < oldest:
                return
            following = _timestamp(new[-1]) + 1 if new else before
            skip = skip + PAGE if following == before else 0
            before = following
        raise Unavailable("Tumblr lists more new posts than can be looked through; look on the blog yourself.")

    def _publication(self, found: dict[str, Any]) -> Publication:
        identifier = _identifier(found)
        url = found.get("post_url") or self._profile.post_url.format(account=self._blog, id=identifier)
        return Publication(remote_id=identifier, url=str(url), answer="found on the blog")

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        try:
            shown = self._client.single(remote_id)
        except NotFound:
            return None
        images = _blocks(shown, "image")
        return PublishedPost(
            remote_id=remote_id,
            url=shown.get("post_url") or self._profile.post_url.format(account=self._blog, id=remote_id),
            image_count=len(images),
            alt_texts=tuple(str(image.get("alt_text") or "") for image in images),
            text=text_of(_blocks(shown, "text")),
            tags=tags_of(shown),
            visible=is_visible(shown),
            state=str(shown.get("state") or ""),
            is_own=True,
            published_at=_instant(shown.get("timestamp")),
        )

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        return text_difference(post, shown)


def blog_name(account: str) -> str:
    """The blog's short name, however staff wrote it."""
    return account.strip().removeprefix("@").removesuffix(".tumblr.com").lower()


def _client(connection: Connection, found: dict[str, str]) -> SafeTumblrClient:
    return SafeTumblrClient(
        Keys(**{name: found[name] for name in (*CONSUMER, *TOKENS)}),
        blog_name(connection.account),
        host=(connection.base_url or API).rstrip("/"),
        session=new_session(USER_AGENT, proxy=connection.proxy, ca_file=connection.ca_file),
        timeout=connection.profile.publishing.timeout_seconds,
        clock=connection.clock,
        quotas=connection.quotas,
    )


def _login(connection: Connection) -> TumblrLogin:
    session = new_session(USER_AGENT, proxy=connection.proxy, ca_file=connection.ca_file)
    host = (connection.base_url or LOGIN_HOST).rstrip("/")
    return TumblrLogin(session, host, *(connection.secrets[name] for name in CONSUMER))


def _stored_tokens(connection: Connection) -> dict[str, str]:
    try:
        stored = connection.session.load()
    except (OSError, ValueError) as error:
        raise CredentialsRefused(
            f"The stored session of channel {connection.channel!r} can't be read; "
            f"run publisher connect {connection.channel}."
        ) from error
    return {name: str(stored[name]) for name in TOKENS if stored.get(name)}


def _missing(connection: Connection, name: str) -> str:
    variable = f"PUBLISHER_{connection.channel}_{name}".upper().replace("-", "_")
    hint = next(secret.hint for secret in Adapter.secrets if secret.name == name)
    log_in_instead = f" or run publisher connect {connection.channel}" if name in TOKENS else ""
    return f"The channel {connection.channel!r} lacks {hint}; set {variable}{log_in_instead}."


def _attachment(media: UploadedMedia) -> Attachment:
    try:
        content = media.image.path.read_bytes()
    except OSError as error:
        raise Unavailable(f"The file of {media.reference} is gone; nothing was sent") from error
    name = f"{media.reference}.{media.image.format}"
    return Attachment(identifier=media.reference, file_name=name, mime_type=media.image.mime_type, content=content)


def _identifier(found: dict[str, Any]) -> str:
    return str(found.get("id_string") or found.get("id", ""))


def _slug(found: dict[str, Any]) -> str:
    return str(found.get("slug") or "")


def _tail(found: dict[str, Any]) -> str:
    """The last part of the post's address."""
    return str(found.get("post_url") or "").rstrip("/").rpartition("/")[2]


def _timestamp(found: dict[str, Any]) -> int:
    stamp = found.get("timestamp")
    if not isinstance(stamp, int):
        raise Unavailable("Tumblr lists a post without its time, so that it can't be told whether ours is there")
    return stamp


def _instant(stamp: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(stamp, UTC) if isinstance(stamp, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _blocks(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    content = found.get("content")
    return [
        block
        for block in (content if isinstance(content, list) else [])
        if isinstance(block, dict) and block.get("type") == kind
    ]


def _looks_like(found: dict[str, Any], post: AdaptedPost) -> bool:
    """Whether a post begins with our text and has our tags, and its slug is no other delivery's key."""
    texts = [block.text.strip() for block in text_blocks(post)][:1]
    shown = [str(block.get("text", "")).strip() for block in _blocks(found, "text")][:1]
    tags = found.get("tags")
    same_tags = isinstance(tags, list) and _folded(tags) == _folded(post.tags)
    return bool(texts) and texts == shown and same_tags and not OTHER_KEY.search(_slug(found))


def _folded(tags: Sequence[str]) -> set[str]:
    return {str(tag).strip().casefold() for tag in tags}
