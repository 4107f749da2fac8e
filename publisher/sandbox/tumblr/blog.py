"""Holds the posts of the simulated Tumblr blog. Public posts are in the ledger, all others only here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from publisher.sandbox.ledger import Ledger, LedgerImage, LedgerPost
from publisher.sandbox.tumblr.habits import HIDDEN_STATES, BlogHabits
from publisher.sandbox.tumblr.npf import BAD_FORMAT, NewPost, Refusal

BLOG = "picture-of-the-day"
FIRST_ID = 700_000_000_000_000_000


class TumblrBlog:
    """Creates, edits, publishes and removes posts. Called by one thread at a time."""

    def __init__(self, platform: str, ledger: Ledger) -> None:
        self.habits = BlogHabits()
        self.media: dict[str, LedgerImage] = {}
        """Every picture that was uploaded, by its address, as an edit names it."""
        self.hidden_posts: dict[str, LedgerPost] = {}
        """Drafts and other posts that followers don't see, by id."""
        self._platform = platform
        self._ledger = ledger
        self._uploads: list[tuple[datetime, int]] = []
        self._stale: dict[str, tuple[datetime, LedgerPost | None]] = {}
        """What a reading by id shows until an instant; None: nothing."""

    def public(self) -> list[LedgerPost]:
        return self._ledger.posts(self._platform)

    def listed(self, now: datetime) -> list[LedgerPost]:
        """Returns what the listing of public posts shows, newest first."""
        posts = self._ledger.listed_posts(self._platform, now)
        return [post for post in reversed(posts) if post.at + self.habits.listing_lag <= now]

    def drafts(self, now: datetime) -> list[LedgerPost]:
        """Returns what the listing of drafts shows, newest first."""
        drafts = [post for post in self.hidden_posts.values() if post.detail["state"] == "draft"]
        return [post for post in reversed(drafts) if post.at + self.habits.listing_lag <= now]

    def read(self, identifier: str, now: datetime) -> LedgerPost | None:
        """Returns the post that a reading by id shows."""
        until, earlier_post = self._stale.get(identifier, (now, None))
        if now < until:
            return earlier_post
        public = (post for post in self._ledger.readable_posts(self._platform, now) if post.id == identifier)
        return self.hidden_posts.get(identifier) or next(public, None)

    def used_today(self, now: datetime) -> tuple[int, int]:
        """Counts public posts and uploaded pictures since midnight on the platform's clock."""
        today = [post for post in self.public() if post.at.date() == now.date()]
        return len(today), sum(count for at, count in self._uploads if at.date() == now.date())

    def create(self, new: NewPost, now: datetime) -> LedgerPost:
        """Creates a post in the requested state, or in the next state of the habits."""
        self._uploads.append((now, len(new.images)))
        content = list(self._content_as_read(new))
        post = self._post(str(FIRST_ID + self._ledger.next_id()), new, content, now)
        self._stale[post.id] = (now + self.habits.reading_lag, None)
        self._keep(post)
        return post

    def edit(self, identifier: str, new: NewPost, now: datetime) -> str:
        """Replaces what a post says, or publishes one that is not public. Returns the id that the answer shows.

        Raises:
            Refusal: there is no such post, or a public one would be hidden or get other pictures. Live that is
                allowed; here tests notice it.
        """
        post = self._find(identifier)
        if post is None:
            raise Refusal(404, 0, "Not Found")
        if post.detail["state"] == "published":
            return self._correct(post, new, now)
        edited = self._post(identifier, new, new.content, now)
        del self.hidden_posts[identifier]
        return self._publish(post, edited, now) if edited.detail["state"] == "published" else self._keep(edited)

    def is_correction(self, identifier: str, content: object) -> bool:
        """Decides whether this content for a post is another one than the one that it was published with."""
        post = next((post for post in self.public() if post.id == identifier), None)
        if post is None:
            return False
        published = post.edits[0].detail if post.edits else post.detail
        return bool(content != published["content"])

    def _correct(self, post: LedgerPost, new: NewPost, now: datetime) -> str:
        if new.state != "published":
            raise Refusal(400, BAD_FORMAT, "this sandbox lets nobody hide a public post")
        if [image.sha256 for image in new.images] != [image.sha256 for image in post.images]:
            raise Refusal(400, BAD_FORMAT, "this sandbox lets nobody change the pictures of a public post")
        detail = {**post.detail, "content": new.content, "layout": new.layout, "source_url": new.source_url}
        changed = post.edited(replace(post, caption=new.text, tags=new.tags, images=new.images, detail=detail), now)
        if (changed.tags, changed.detail) != (post.tags, post.detail):
            self._stale[post.id] = (now + self.habits.reading_lag, post)
            self._ledger.change(changed)
        return post.id

    def _publish(self, draft: LedgerPost, edited: LedgerPost, now: datetime) -> str:
        self._stale[draft.id] = (now + self.habits.reading_lag, draft)
        if self.habits.drafts_keep_id:
            return self._keep(edited)
        identifier = str(FIRST_ID + self._ledger.next_id())
        url = edited.url.replace(draft.id, identifier)
        detail = {**edited.detail, "genesis_post_id": draft.id}
        self._keep(replace(edited, id=identifier, url=url, detail=detail))
        self._stale[identifier] = (now + self.habits.reading_lag, None)
        return identifier if self.habits.edits_tell_new_id else draft.id

    def move(self, identifier: str, state: str, now: datetime) -> None:
        """Sets the state of a post that followers don't see, as its owner or Tumblr itself would."""
        post = self.hidden_posts.pop(identifier)
        changed_post = replace(post, at=now, detail={**post.detail, "state": state})
        if state == "published":
            self._publish(post, changed_post, now)
        else:
            self._keep(changed_post)

    def publish_waiting(self, now: datetime) -> None:
        """Publishes the posts whose `hidden_for` has passed, as Tumblr itself does."""
        if self.habits.hidden_for is None:
            return
        for post in [*self.hidden_posts.values()]:
            if post.detail["state"] in HIDDEN_STATES and post.at + self.habits.hidden_for <= now:
                self.move(post.id, "published", now)

    def remove(self, identifier: str) -> None:
        """Deletes a post that followers don't see.

        Raises:
            Refusal: there is no such post, or it is public. Live a public post would be deleted; here tests notice it.
        """
        post = self._find(identifier)
        if post is None:
            raise Refusal(404, 0, "Not Found")
        if post.detail["state"] == "published":
            raise Refusal(403, 0, "this sandbox lets nobody delete a public post")
        del self.hidden_posts[identifier]

    def forget(self) -> None:
        """Removes what followers don't see, and restores the usual habits."""
        self.habits = BlogHabits()
        for collection in (self.hidden_posts, self.media, self._uploads, self._stale):
            collection.clear()

    def _find(self, identifier: str) -> LedgerPost | None:
        public = (post for post in self.public() if post.id == identifier)
        return self.hidden_posts.get(identifier) or next(public, None)

    def _keep(self, post: LedgerPost) -> str:
        if post.detail["state"] == "published":
            self._ledger.add(post)
        else:
            self.hidden_posts[post.id] = post
        return post.id

    def _post(self, identifier: str, new: NewPost, content: list[dict[str, Any]], now: datetime) -> LedgerPost:
        slug = self._slug(new)
        keeps_state = self.habits.states_spare_drafts and new.state != "published"
        state = self.habits.states.popleft() if self.habits.states and not keeps_state else new.state
        detail = {
            "slug": slug, "state": state, "source_url": new.source_url, "content": content, "layout": new.layout,
        }  # fmt: skip
        return LedgerPost(
            platform=self._platform, account=BLOG, id=identifier, at=now, caption=new.text, tags=new.tags,
            url=f"https://{BLOG}.tumblr.com/post/{identifier}/{slug.replace(' ', '%20')}", images=new.images,
            idempotency_key=new.slug or None, detail=detail,
        )  # fmt: skip

    def _slug(self, new: NewPost) -> str:
        slug = (new.slug or "-".join(new.text.lower().split()[:8]))[: self.habits.slug_limit]
        return slug.replace("-", " ") if self.habits.slug_spaces else slug

    def _content_as_read(self, new: NewPost) -> Iterator[dict[str, Any]]:
        """Yields the content with each picture at an address of its own, as a reading shows it."""
        images = iter(new.images)
        for block in new.content:
            yield self._image_block_as_read(block, next(images)) if block["type"] == "image" else block

    def _image_block_as_read(self, block: dict[str, Any], image: LedgerImage) -> dict[str, Any]:
        url = f"https://64.media.tumblr.com/{image.sha256}/{self._ledger.next_id()}"
        self.media[url] = image
        media = {
            "type": image.mime_type,
            "width": image.width,
            "height": image.height,
            "url": url,
            "has_original_dimensions": True,
        }
        return {**block, "media": [media]}
