"""Publishes on Tumblr: makes a draft with its pictures, then publishes it; its slug makes it findable.

A channel with `drafts = false` publishes with the one request that carries text and pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Self

from publisher.core.content import (
    Absence,
    Account,
    AdaptedPost,
    HistoryPost,
    Preparation,
    Publication,
    PublishedPost,
    Rendition,
)
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.platforms.abilities import NOTHING_PREPARED, CorrectionEnd, ListedDraft
from publisher.platforms.base import (
    Connection,
    Dialogue,
    KeySeed,
    PlatformAdapter,
    PostPart,
    RequestText,
    Secret,
    UploadedMedia,
)
from publisher.platforms.errors import (
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.login_steps import LoginStep, log_in_by_dialogue, warn_of_secrets
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.profiles import Profile
from publisher.platforms.text_difference import TextDifference
from publisher.platforms.tumblr import links
from publisher.platforms.tumblr import recognition as posts
from publisher.platforms.tumblr.answers import DailyLimit, NotFound, daily_reset
from publisher.platforms.tumblr.attachments import check_picture, check_total_size, make_attachment
from publisher.platforms.tumblr.client import SafeTumblrClient
from publisher.platforms.tumblr.correcting import correct
from publisher.platforms.tumblr.credentials import (
    CONSUMER,
    SECRETS,
    TOKENS,
    blog_name,
    missing_secret,
    open_client,
    open_login,
    stored_tokens,
)
from publisher.platforms.tumblr.drafts import MAX_PAGES_OF_DRAFTS, DraftRequest, Drafts, draft_query
from publisher.platforms.tumblr.history import read_history
from publisher.platforms.tumblr.listing import PostQuery, find_all_posts, find_by_draft, newest_id, posts_since
from publisher.platforms.tumblr.npf import npf_body, text_blocks
from publisher.platforms.tumblr.problem_codes import TumblrAccountProblem, TumblrDraftProblem, TumblrRequestProblem
from publisher.platforms.tumblr.public_text import published_post, text_difference
from publisher.platforms.tumblr.slugs import make_slug

NEWER_THAN = "newer than "
"""Begins what is prepared for the one request without a draft: the id of the newest post before it follows."""


class Adapter(PlatformAdapter):
    """Reaches one Tumblr blog. Implements `SupportsLookup`, `SupportsReadBack` and `SupportsQuotas`."""

    leads_back: ClassVar[bool] = True
    secrets: ClassVar[tuple[Secret, ...]] = SECRETS
    shows_link: ClassVar[bool] = True
    fixed_parts: ClassVar[Mapping[PostPart, Problem]] = {PostPart.PICTURES: CorrectionProblem.PICTURES_STAY()}

    def __init__(self, connection: Connection, client: SafeTumblrClient) -> None:
        self._connection = connection
        self._profile = connection.profile
        self._blog = blog_name(connection.account)
        self._client = client
        self._drafts = Drafts(
            client=client,
            blog=self._blog,
            listing_lag=timedelta(seconds=self._profile.publishing.listing_lag_seconds),
            timeout=self._profile.publishing.timeout_seconds,
        )
        self._prepared: posts.PostData | None = None
        """The draft as it was read last, so that publishing it takes no further reading."""

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        credentials = dict(connection.secrets)
        if not all(map(credentials.get, TOKENS)):
            credentials |= stored_tokens(connection)
        for name in (*CONSUMER, *TOKENS):
            if not credentials.get(name):
                raise CredentialsRefused(missing_secret(connection, name))
        return cls(connection, open_client(connection, credentials))

    @classmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        return log_in_by_dialogue(cls, connection, dialogue)

    @classmethod
    def check_app(cls, connection: Connection) -> None:
        for name in CONSUMER:
            if not connection.secrets.get(name):
                raise CredentialsRefused(missing_secret(connection, name))

    @classmethod
    def begin_login(cls, connection: Connection, callback_url: str) -> LoginStep:
        cls.check_app(connection)
        return warn_of_secrets(open_login(connection).begin(callback_url), connection, *TOKENS)

    @classmethod
    def finish_login(cls, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]) -> Account:
        cls.check_app(connection)
        tokens = open_login(connection).finish(kept, answer)
        account = cls(connection, open_client(connection, {**connection.secrets, **tokens})).verify_credentials()
        connection.session.save(tokens)
        return account

    @classmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        return links.post_id_of(reference, account)

    @classmethod
    def post_url_of(cls, post_id: str, account: str, profile: Profile) -> str:
        return profile.post_url.format(account=blog_name(account), id=post_id)

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        """Returns a slug: the whole token, then words of the title. Where Tumblr cuts it, the token stays."""
        return make_slug(seed)

    @classmethod
    def request_texts(cls, post: AdaptedPost) -> tuple[RequestText, ...]:
        fields = ((",".join(post.tags), _("Tags")), (post.link, _("Source")))
        return (
            *(RequestText(block.text, kind=block.kind) for block in text_blocks(post)),
            *(RequestText(text, name) for text, name in fields if text),
        )

    def verify_credentials(self) -> Account:
        answer = self._client.info()
        user = answer.get("user") if isinstance(answer, dict) else None
        blogs = user.get("blogs") if isinstance(user, dict) else None
        if not isinstance(blogs, list):
            raise Unavailable(TumblrRequestProblem.ACCOUNT_UNREADABLE())
        names = [str(blog.get("name")) for blog in blogs if isinstance(blog, dict)]
        for blog in blogs:
            if isinstance(blog, dict) and blog.get("name") == self._blog:
                return Account(id=str(blog.get("uuid") or self._blog), name=self._blog, url=blog.get("url"))
        channel = self._connection.channel
        if not names:
            raise CredentialsRefused(TumblrAccountProblem.WITHOUT_BLOG(channel=channel, account=self._blog))
        raise CredentialsRefused(TumblrAccountProblem.OTHER_ACCOUNT(channel=channel, blogs=names, account=self._blog))

    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        """Checks the file: Tumblr takes pictures only together with their post."""
        check_picture(image, position, self._profile.images)
        return UploadedMedia(image=image, alt_text=alt_text, reference=f"image{position}")

    def prepare(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        """Makes the draft, or finds the one that an earlier try has made.

        Without drafts it notes the newest post. A post whose draft may be published late keeps its way,
        whatever the channel's setting is by now.
        """
        if not self._connection.drafts and not _is_draft(earlier):
            if earlier.restored_since is not None:
                # A lost desk may have sent it. Its post would be older than the newest one now.
                return Preparation(reference=f"{NEWER_THAN}0")
            newest = newest_id(self._client)
            return Preparation(reference=f"{NEWER_THAN}{newest}", platform_time=self._client.request.platform_time)
        request = self._draft_request(post, media, idempotency_key, posts.DRAFT)
        check_total_size(media, self._profile.images)
        try:
            shown = self._drafts.prepare(request, earlier if _of_draft(earlier) else NOTHING_PREPARED)
        except DailyLimit as error:
            raise self._until_reset(error) from error
        self._prepared = shown
        if shown is None:
            return earlier
        return Preparation(
            reference=posts.identifier(shown),
            platform_time=self._client.request.platform_time,
            is_draft=True,
        )

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        drafted = _is_draft(preparation)
        if not drafted and self._connection.drafts and not preparation.reference:
            raise Unavailable(TumblrDraftProblem.NOT_MADE())
        request = self._draft_request(post, media, idempotency_key, posts.DRAFT if drafted else posts.PUBLISHED)
        try:
            return self._publish_draft(request, preparation) if drafted else self._publish_at_once(request, media)
        except DailyLimit as error:
            raise self._until_reset(error) from error

    def _publish_draft(self, request: DraftRequest, preparation: Preparation) -> Publication:
        prepared, self._prepared = self._prepared, None
        if prepared is not None and posts.identifier(prepared) != preparation.reference:
            prepared = None
        shown = self._drafts.publish(request, preparation, prepared)
        left_over = "".join(f"; a needless draft {name} is left" for name in self._drafts.left_over)
        return self._publication(shown, f"id {posts.identifier(shown)}, draft {preparation.reference}{left_over}")

    def _publish_at_once(self, request: DraftRequest, media: Sequence[UploadedMedia]) -> Publication:
        check_total_size(media, self._profile.images)
        answer = self._client.create(request.body, request.files())
        if (state := posts.state(answer)) not in ("", posts.PUBLISHED):
            raise Unconfirmed(TumblrRequestProblem.NOT_PUBLIC(state=state), answer=str(answer)[:300])
        return self._publication(answer, f"id {posts.identifier(answer)}")

    def _draft_request(self, post: AdaptedPost, media: Sequence[UploadedMedia], key: str, state: str) -> DraftRequest:
        body = npf_body(post, media, key, state=state)
        return DraftRequest(
            post=post, key=key, body=body, files=lambda: [make_attachment(picture) for picture in media]
        )

    def _until_reset(self, error: DailyLimit) -> RateLimited:
        """Returns the same error with the time at which Tumblr itself begins a new day, if it reports that."""
        try:
            reset = daily_reset(self._client.limits())
        except PlatformError:
            # The limit itself is certain; only its end then stays an estimate.
            reset = None
        return RateLimited(error.problem, retry_at=reset or error.retry_at, status=error.status, answer=error.answer)

    def read_quotas(self) -> None:
        try:
            self._client.limits()
        except NotFound as error:
            # The account has its limits nevertheless: it is the question that is gone.
            raise Unavailable(error.problem, status=error.status, answer=error.answer) from error

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        """Reads the draft by its id, which is certain; else searches the listing, which may lag."""
        if _is_draft(preparation):
            return self._outcome(post, idempotency_key, preparation)
        bound = preparation.reference.removeprefix(NEWER_THAN)
        query = PostQuery(
            post=post,
            key=idempotency_key,
            newer_than=int(bound) if bound.isdecimal() else 0,
            platform_time=preparation.platform_time,
            since=since,
        )
        return self._find_listed(query)

    def _outcome(self, post: AdaptedPost, key: str, preparation: Preparation) -> Publication | Absence:
        """Finds out what became of a draft."""
        try:
            shown = self._client.single(preparation.reference)
        except NotFound:
            # Tumblr gives a draft another id when it is published: that it is gone says more than a listing that lags.
            publication = self._find_listed(draft_query(post, key, preparation))
            return publication if isinstance(publication, Publication) else Absence.GONE
        match posts.state(shown):
            case posts.PUBLISHED:
                return self._publication(shown, "found by its id")
            case posts.DRAFT:
                return Absence.UNPUBLISHED
            case _:
                state = posts.state_name(shown)
                raise Unavailable(TumblrRequestProblem.STATE_UNCLEAR(post=preparation.reference, state=state))

    def remove_drafts(
        self, post: AdaptedPost, *, idempotency_key: str, preparation: Preparation
    ) -> Publication | Absence:
        earlier = preparation if _is_draft(preparation) else NOTHING_PREPARED
        if (public := self._drafts.remove_all(post, idempotency_key, earlier)) is not None:
            return self._publication(public, "found in the place of its draft")
        if _is_draft(preparation):
            publication = self._find_listed(draft_query(post, idempotency_key, preparation))
            return publication if isinstance(publication, Publication) else Absence.GONE
        if not preparation.reference:
            return Absence.GONE
        since = preparation.platform_time or self._connection.clock.now()
        publication = self.find_publication(post, idempotency_key=idempotency_key, since=since, preparation=preparation)
        return publication if isinstance(publication, Publication) else Absence.GONE

    def list_drafts(self) -> list[ListedDraft]:
        return [
            ListedDraft(posts.identifier(draft), token, posts.slug(draft))
            for draft in self._drafts.list_newest(MAX_PAGES_OF_DRAFTS)
            if (token := posts.token_of(draft))
        ]

    def _find_listed(self, query: PostQuery) -> Publication | Absence:
        publications = [self._publication(shown, "found on the blog") for shown in find_all_posts(self._client, query)]
        return (
            publications[0].model_copy(update={"copies": tuple(publications[1:])})
            if publications
            else Absence.NOT_LISTED
        )

    def publications_since(self, post: AdaptedPost, since: datetime) -> list[Publication]:
        return [self._publication(shown, "") for shown in posts_since(self._client, post, since)]

    def history(self) -> Iterator[HistoryPost]:
        return read_history(self._client, self._url)

    def _publication(self, shown: posts.PostData, answer: str) -> Publication:
        return Publication(
            remote_id=posts.identifier(shown), former_id=posts.draft_id(shown), url=self._url(shown), answer=answer
        )

    def _url(self, shown: posts.PostData) -> str:
        pattern = self._profile.post_url
        return str(shown.get("post_url") or pattern.format(account=self._blog, id=posts.identifier(shown)))

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        """Returns the post by its id, or by the id that it had as a draft."""
        shown: posts.PostData | None
        try:
            shown = self._client.single(remote_id)
        except NotFound:
            shown = find_by_draft(self._client, remote_id)
        if shown is not None and posts.state(shown) == posts.TRANSCODING:
            raise Unavailable(TumblrRequestProblem.TRANSCODING())
        if shown is None:
            return None
        return published_post(shown, remote_id, self._url(shown))

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        return text_difference(post, shown)

    def correct(self, remote_id: str, *, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
        return correct(self._client, remote_id, before, after)


def _of_draft(preparation: Preparation) -> bool:
    """Returns whether it names a draft, or a draft was begun whose id was never received."""
    return _is_draft(preparation) or (preparation.unfinished and not preparation.reference)


def _is_draft(preparation: Preparation) -> bool:
    """Returns whether it names a draft."""
    return preparation.reference.isdecimal()
