"""Makes the draft that a Tumblr post is published from, and publishes it.

Nobody but the blog's owner sees a draft, so that making one can be repeated. Publishing it is one
small request on its id, which can be repeated as well: a draft becomes one post, however often
it is asked to. Tumblr's documents say that a post gets another id when its draft is published, and
keeps the former one as `genesis_post_id`; both ways are understood here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from publisher.core.clock import monotonic
from publisher.core.content import AdaptedPost, Preparation
from publisher.core.logs import get_logger
from publisher.platforms.errors import (
    DraftLeft,
    NotPrepared,
    PlatformError,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.tumblr import recognition as posts
from publisher.platforms.tumblr.answers import DraftUnknown, NotFound
from publisher.platforms.tumblr.client import PAGE, Attachment, SafeTumblrClient
from publisher.platforms.tumblr.listing import PostQuery, find_post
from publisher.platforms.tumblr.npf import publishing_body
from publisher.platforms.tumblr.problem_codes import TumblrDraftProblem, TumblrPostProblem, TumblrRequestProblem

PAGES_OF_DRAFTS = 3
MAX_PAGES_OF_DRAFTS = 20
"""So many are looked through where nobody waits for the answer."""
MAX_REQUEST_DURATION = timedelta(minutes=2)
"""So long after a lost answer a draft may still be made, or published. https://github.com/tumblr/docs/issues/128 tells
of minutes; a draft that comes later than this is removed when it is seen, and nobody saw it."""
MIN_READING_SECONDS = 0.5
"""A published draft is read once more only with so many seconds left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRequest:
    """Holds what is to be published, and how to make a draft of it."""

    post: AdaptedPost
    key: str
    body: Mapping[str, Any]
    files: Callable[[], Sequence[Attachment]]
    """Reads the pictures' files; called only where a draft has to be made."""


@dataclass(slots=True)
class Drafts:
    """Makes, finds, publishes and removes the drafts of one blog."""

    client: SafeTumblrClient
    blog: str
    listing_lag: timedelta
    timeout: float
    left_over: list[str] = field(default_factory=list)
    """Ids of drafts that nobody needs and that could not be removed."""

    def prepare(self, request: DraftRequest, earlier: Preparation) -> posts.PostData | None:
        """Returns the one draft to publish, as Tumblr shows it; or the post, should it be public or queued already.

        None: the draft of `earlier` is gone, and may have been published so lately that no listing shows it yet.

        Raises:
            NotPrepared: a draft was begun, and Tumblr does not show it yet.
            ContentRejected, RateLimited, CredentialsRefused, Unavailable, UnsupportedContent: there is no draft.
        """
        if not earlier.reference:
            return self._choose(request, earlier)
        shown = self._read(earlier.reference)
        if shown is None:
            if public := find_post(self.client, draft_query(request.post, request.key, earlier)):
                return public
            # A request to publish it may have been carried out late, and be listed late on top of that.
            late = timedelta(0) if earlier.unfinished else MAX_REQUEST_DURATION
            if not self._is_over(earlier, self.listing_lag + late):
                if earlier.unfinished:
                    raise NotPrepared(TumblrDraftProblem.NOT_SHOWN(draft=earlier.reference), preparation=earlier)
                return None
            return self._choose(request, earlier)
        if posts.state(shown) != posts.DRAFT or not posts.differences(shown, request.body):
            return shown
        self._remove_former(earlier.reference)
        return self._choose(request, earlier, kept_otherwise=earlier.unfinished)

    def _read(self, identifier: str) -> posts.PostData | None:
        try:
            return self.client.single(identifier)
        except NotFound:
            return None

    def _is_over(self, earlier: Preparation, lag: timedelta) -> bool:
        """Returns whether what was begun with `earlier` would be shown by now. Both times are by Tumblr's clock."""
        now, then = self.client.request.platform_time, earlier.platform_time
        return now is not None and then is not None and now > then + lag

    def _remove_former(self, identifier: str) -> None:
        """Removes the draft of a request that may still come late. Nothing else is made before it is gone.

        Where Tumblr does not know it any more, it may have been published a moment ago: that is trouble as well.
        """
        try:
            self.client.remove(identifier)
        except PlatformError as error:
            raise Unavailable(
                TumblrDraftProblem.FORMER_NOT_REMOVED(draft=identifier, blog=self.blog, answer=error.problem),
                status=error.status,
                answer=error.answer,
            ) from error

    def _choose(self, request: DraftRequest, earlier: Preparation, *, kept_otherwise: bool = False) -> posts.PostData:
        """Returns a draft that an earlier try has left, or a new one. Removes all others of this post.

        Where the answer to an earlier creation was lost, another draft is made only when the first would be listed.
        """
        chosen: posts.PostData | None = None
        drafts = self.list_newest()
        incomplete, not_shown = kept_otherwise, ""
        own = [posts.identifier(draft) for draft in drafts if posts.has_key(draft, request.key)]
        for identifier in own:
            shown = self._read(identifier)
            if shown is None:
                # A listing may show what can't be read yet, and what was just removed.
                not_shown = not_shown if identifier == earlier.reference else identifier
                continue
            if posts.state(shown) != posts.DRAFT:
                return shown
            if chosen is None and not posts.differences(shown, request.body):
                chosen = shown
            else:
                incomplete = incomplete or chosen is None
                self._remove(identifier)
        self._remove_published_ones(drafts, request.key)
        if chosen is not None:
            return chosen
        if not_shown:
            raise NotPrepared(TumblrDraftProblem.NOT_SHOWN(draft=not_shown), preparation=self._unfinished(not_shown))
        if earlier.unfinished and not earlier.reference and not self._is_over(earlier, MAX_REQUEST_DURATION):
            raise NotPrepared(TumblrDraftProblem.MAY_BE_COMING(), preparation=earlier)
        return self._make(request, again=incomplete)

    def _unfinished(self, identifier: str = "") -> Preparation:
        """Returns what is stored of a draft that was begun. Without an id: the answer with it was lost."""
        now = self.client.request.platform_time
        return Preparation(reference=identifier, platform_time=now, unfinished=True, is_draft=True)

    def list_newest(self, pages: int = PAGES_OF_DRAFTS) -> list[posts.PostData]:
        """Returns the blog's newest drafts, as its list shows them."""
        drafts: list[posts.PostData] = []
        before = "0"
        for _page in range(pages):
            page = self.client.drafts(before)
            drafts += page
            if len(page) < PAGE or posts.identifier(page[-1]) == before:
                break
            before = posts.identifier(page[-1])
        return drafts

    def _make(self, request: DraftRequest, *, again: bool) -> posts.PostData:
        """Makes a draft and reads it back. Raises UnsupportedContent where Tumblr changes it a second time."""
        try:
            identifier = str(self.client.create(request.body, request.files())["id"])
        except DraftUnknown as error:
            raise NotPrepared(
                error.problem, preparation=self._unfinished(), status=error.status, answer=error.answer
            ) from error
        preparation = self._unfinished(identifier)
        try:
            shown = self._read(identifier)
        except PlatformError as error:
            raise NotPrepared(
                error.problem, preparation=preparation, status=error.status, answer=error.answer
            ) from error
        if shown is None:
            raise NotPrepared(TumblrDraftProblem.NOT_SHOWN(draft=identifier), preparation=preparation)
        if posts.state(shown) == posts.DRAFT and (differing := posts.differences(shown, request.body)):
            if again:
                self._remove(identifier)
                raise UnsupportedContent(TumblrPostProblem.KEPT_OTHERWISE_AGAIN(differences=differing))
            raise NotPrepared(TumblrPostProblem.KEPT_OTHERWISE(differences=differing), preparation=preparation)
        return shown

    def _remove_published_ones(self, drafts: Sequence[posts.PostData], key: str) -> None:
        """Removes drafts that were made late for posts which are public by now.

        A draft whose post is not among the newest ones is left: another delivery may need it.
        """
        others = [draft for draft in drafts if posts.token_of(draft) and not posts.has_key(draft, key)]
        if not others:
            return
        try:
            shown = self.client.recent(None, 0)
            public, ids = {posts.token_of(post) for post in shown}, {posts.identifier(post) for post in shown}
            for identifier in (posts.identifier(draft) for draft in others if posts.token_of(draft) in public):
                # Drafts and readings may lag behind: a draft that is public itself is no needless one.
                if identifier not in ids and self._is_draft(identifier):
                    self._remove(identifier)
        except PlatformError as error:
            get_logger("platforms").info("drafts were not tidied up", blog=self.blog, why=error.message)

    def _is_draft(self, identifier: str) -> bool:
        shown = self._read(identifier)
        return shown is not None and posts.state(shown) == posts.DRAFT

    def _remove(self, identifier: str) -> None:
        """Removes a draft that nobody needs, just read as a draft; where that fails, it is named to people."""
        try:
            self.client.remove(identifier)
        except NotFound:
            return
        except PlatformError as error:
            self.left_over.append(identifier)
            get_logger("platforms").warning(
                "a draft is left over and can be removed on Tumblr", blog=self.blog, draft=identifier, why=error.message
            )

    def remove_all(self, post: AdaptedPost, key: str, earlier: Preparation) -> posts.PostData | None:
        """Removes every draft of a post that was given up. Returns the post, should it be public.

        Raises:
            DraftLeft: a draft was changed since, is no draft any more, or can't be removed.
        """
        listed_ids = [posts.identifier(draft) for draft in self.list_newest() if posts.has_key(draft, key)]
        identifiers = [*dict.fromkeys([*([earlier.reference] if earlier.reference else []), *listed_ids])]
        # Drafts and readings may lag behind the public posts, and a public post is never removed.
        public = {posts.identifier(post): post for post in self.client.recent(None, 0)} if identifiers else {}
        for identifier in identifiers:
            shown = public.get(identifier) or self._read(identifier)
            if shown is None:
                continue
            if identifier in public or posts.state(shown) == posts.PUBLISHED:
                return shown
            if (
                posts.state(shown) != posts.DRAFT
                or not posts.has_key(shown, key)
                or not posts.has_text_tags_and_pictures(shown, post)
            ):
                raise DraftLeft(
                    TumblrDraftProblem.CHANGED(blog=self.blog, draft=identifier, state=posts.state_name(shown))
                )
            try:
                self.client.remove(identifier)
            except NotFound:
                continue
            except PlatformError as error:
                raise DraftLeft(
                    TumblrDraftProblem.NOT_REMOVED(draft=identifier, blog=self.blog, answer=error.problem),
                    status=error.status,
                    answer=error.answer,
                ) from error
        return None

    def publish(self, request: DraftRequest, preparation: Preparation, shown: posts.PostData | None) -> posts.PostData:
        """Publishes the draft of `preparation` with one request, unless it is public. Returns the post.

        `shown`: the draft as `prepared` returned it; None: it is read first.

        Raises:
            Unconfirmed: it may be public; reading the draft by its id shows it.
            ContentRejected, RateLimited, CredentialsRefused, Unavailable: it is not.
        """
        shown = shown or self._read(preparation.reference)
        query = draft_query(request.post, request.key, preparation)
        if shown is None:
            if public := find_post(self.client, query):
                return public
            raise Unconfirmed(TumblrDraftProblem.GONE(draft=preparation.reference))
        if posts.state(shown) == posts.PUBLISHED:
            return shown
        if posts.state(shown) != posts.DRAFT:
            raise Unconfirmed(TumblrRequestProblem.NOT_PUBLIC(state=posts.state_name(shown)))
        ends = monotonic() + self.timeout
        body = publishing_body(shown, request.post, request.key)
        try:
            answer = self.client.edit(preparation.reference, body)
        except NotFound as error:
            problem = TumblrDraftProblem.GONE(draft=preparation.reference)
            raise Unconfirmed(problem, status=error.status, answer=error.answer) from error
        return self._read_result(answer, query, ends)

    def _read_result(self, answer: Mapping[str, Any], query: PostQuery, ends: float) -> posts.PostData:
        """Returns the post that an answered request has made: as Tumblr shows it, else by the answer."""
        has_id = posts.identifier(answer).isdecimal()
        shown: posts.PostData | None = None
        if (seconds := ends - monotonic()) >= MIN_READING_SECONDS:
            try:
                shown = self._read_shown(posts.identifier(answer) if has_id else query.draft, query, seconds)
            except PlatformError as error:
                get_logger("platforms").info("a published draft was not read", blog=self.blog, why=error.message)
        if shown is None and has_id:
            # The documented answer names the post and no state: then the one that was asked for.
            shown = {"state": posts.PUBLISHED, **answer}
        if shown is None or posts.state(shown) != posts.PUBLISHED:
            problem = TumblrRequestProblem.NOT_PUBLIC(state=posts.state_name(shown or answer))
            raise Unconfirmed(problem, answer=str(dict(answer))[:300])
        return shown

    def _read_shown(self, identifier: str, query: PostQuery, seconds: float) -> posts.PostData | None:
        try:
            return self.client.single(identifier, timeout=seconds)
        except NotFound:
            return find_post(self.client, query)


def draft_query(post: AdaptedPost, key: str, preparation: Preparation) -> PostQuery:
    """Returns what the listing is searched for when the draft can't be read by its id any more."""
    draft = preparation.reference
    return PostQuery(
        post=post, key=key, draft=draft, newer_than=int(draft) - 1, platform_time=preparation.platform_time
    )
