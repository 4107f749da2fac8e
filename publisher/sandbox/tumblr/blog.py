"""The posts of the sandbox's Tumblr blog: public ones stand in the ledger, all others only here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from publisher.sandbox.ledger import Ledger, LedgerImage, LedgerPost
from publisher.sandbox.tumblr.habits import HIDDEN_STATES, BlogHabits
from publisher.sandbox.tumblr.npf import BAD_FORMAT, NewPost, Refused

BLOG = "picture-of-the-day"
FIRST_ID = 700_000_000_000_000_000


class TumblrBlog:
    """Creates, edits, publishes and removes posts. Called by one thread at a time."""

    def __init__(self, platform: str, ledger: Ledger) -> None:
        self.habits = BlogHabits()
        self.media: dict[str, LedgerImage] = {}
        """Every picture that was uploaded, by its address: an edit names them so."""
        self.unseen: dict[str, LedgerPost] = {}
        """Drafts and other posts that followers don't see, by id."""
        self._platform = platform
        self._ledger = ledger
        self._uploads: list[tuple[datetime, int]] = []
        self._stale: dict[str, tuple[datetime, LedgerPost | None]] = {}
        """What a reading by id shows until a moment; None: nothing."""

    def public(self) -> list[LedgerPost]:
        return self._ledger.posts(self._platform)

    def listed(self, now: datetime) -> list[LedgerPost]:
        """What the listing of public posts shows, newest first."""
        shown = self._ledger.listed_posts(self._platform, now)
        return [post for post in reversed(shown) if post.at + self.habits.listing_lag <= now]

    def drafts(self, now: datetime) -> list[LedgerPost]:
        """What the listing of drafts shows, newest first."""
        drafts = [post for post in self.unseen.values() if post.detail["state"] == "draft"]
        return [post for post in reversed(drafts) if post.at + self.habits.listing_lag <= now]

    def read(self, identifier: str, now: datetime) -> LedgerPost | None:
        """What a reading by id shows."""
        until, former = self._stale.get(identifier, (now, None))
        if now < until:
            return former
        public = (post for post in self._ledger.readable_posts(self._platform, now) if post.id == identifier)
        return self.unseen.get(identifier) or next(public, None)

    def used(self, now: datetime) -> tuple[int, int]:
        """Public posts and uploaded pictures since midnight on the platform's clock."""
        today = [post for post in self.public() if post.at.date() == now.date()]
        return len(today), sum(count for at, count in self._uploads if at.date() == now.date())

    def create(self, new: NewPost, now: datetime) -> LedgerPost:
        """A new post, in the state that was asked for, or in the next one of the habits."""
        self._uploads.append((now, len(new.images)))
        content = list(self._served(new))
        post = self._post(str(FIRST_ID + self._ledger.next_id()), new, content, now)
        self._stale[post.id] = (now + self.habits.reading_lag, None)
        self._keep(post)
        return post

    def edit(self, identifier: str, new: NewPost, now: datetime) -> str:
        """Replace a post that is not public, or publish it. A public post only takes what it holds already.

        Returns the id that the answer tells.

        Raises:
            Refused: there is no such post, or a public one would be changed.
        """
        post = self._find(identifier)
        if post is None:
            raise Refused(404, 0, "Not Found")
        if post.detail["state"] == "published":
            if new.state != "published" or new.content != post.detail["content"]:
                raise Refused(400, BAD_FORMAT, "this sandbox lets nobody change a public post")
            return identifier
        edited = self._post(identifier, new, new.content, now)
        del self.unseen[identifier]
        return self._published(post, edited, now) if edited.detail["state"] == "published" else self._keep(edited)

    def _published(self, draft: LedgerPost, edited: LedgerPost, now: datetime) -> str:
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
        """Give a post that followers don't see another state, as its owner or Tumblr itself would."""
        post = self.unseen.pop(identifier)
        moved = replace(post, at=now, detail={**post.detail, "state": state})
        if state == "published":
            self._published(post, moved, now)
        else:
            self._keep(moved)

    def publish_waiting(self, now: datetime) -> None:
        """Publish what Tumblr itself has kept back for long enough."""
        if self.habits.hidden_for is None:
            return
        for post in [*self.unseen.values()]:
            if post.detail["state"] in HIDDEN_STATES and post.at + self.habits.hidden_for <= now:
                self.move(post.id, "published", now)

    def remove(self, identifier: str) -> None:
        """Delete a post that followers don't see.

        Raises:
            Refused: there is no such post, or it is public. Live that would be deleted too; here the attempt is seen.
        """
        post = self._find(identifier)
        if post is None:
            raise Refused(404, 0, "Not Found")
        if post.detail["state"] == "published":
            raise Refused(403, 0, "this sandbox lets nobody delete a public post")
        del self.unseen[identifier]

    def forget(self) -> None:
        """Forget what followers don't see, and take up the usual habits again."""
        self.habits = BlogHabits()
        for kept in (self.unseen, self.media, self._uploads, self._stale):
            kept.clear()

    def _find(self, identifier: str) -> LedgerPost | None:
        public = (post for post in self.public() if post.id == identifier)
        return self.unseen.get(identifier) or next(public, None)

    def _keep(self, post: LedgerPost) -> str:
        if post.detail["state"] == "published":
            self._ledger.add(post)
        else:
            self.unseen[post.id] = post
        return post.id

    def _post(self, identifier: str, new: NewPost, content: list[dict[str, Any]], now: datetime) -> LedgerPost:
        slug = self._slug(new)
        spared = self.habits.states_spare_drafts and new.state != "published"
        state = self.habits.states.popleft() if self.habits.states and not spared else new.state
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

    def _served(self, new: NewPost) -> Iterator[dict[str, Any]]:
        """The content with each picture at an address of its own, as it is read back."""
        images = iter(new.images)
        for block in new.content:
            yield self._served_image(block, next(images)) if block["type"] == "image" else block

    def _served_image(self, block: dict[str, Any], image: LedgerImage) -> dict[str, Any]:
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
