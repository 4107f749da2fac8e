"""Changes several posts at once, each in its own transaction: a refusal of one stops no other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import People
from publisher.db.session import Database
from publisher.media import MediaStore
from publisher.posts.drafts import PostChanges, check_entered
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.posts import edit_post, withdraw_post
from publisher.posts.undo import MAX_POSTS, Act, Change, Snapshot, Undo, snapshot, unapprove, unchanged
from publisher.schedule.approval import NotApproved, approve
from publisher.schedule.order import After, End, FixedDate, Place, Reserve, move_back, move_post
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class Refusal:
    """Holds a post that was changed not at all or only partly; `reasons` are sentences."""

    post_id: int
    title: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """Holds what a bulk change did and refused."""

    done: tuple[int, ...]
    refused: tuple[Refusal, ...]
    undo: Undo | None
    """Undoes what was changed; None when nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Changes several posts of an outlet for one person."""

    database: Database
    store: MediaStore
    settings: Settings
    targets: Mapping[str, Target]
    people: People
    now: datetime
    actor: str

    def approve(self, posts: Iterable[int], seen: Mapping[int, int]) -> BulkResult:
        """Approves posts, except those with a blocking problem, and those of which another version was `seen`."""
        return self._for_each("approve", posts, lambda post_id: self._approve(post_id, seen.get(post_id)))

    def withdraw(self, posts: Iterable[int]) -> BulkResult:
        """Withdraws posts."""
        return self._for_each("withdraw", posts, self._withdraw)

    def tag(self, posts: Iterable[int], *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> BulkResult:
        """Adds tags to posts and removes others. An approved post goes back to review."""
        unwanted = {tag.casefold() for tag in remove}

        def act(post_id: int) -> None:
            with self.database.reading() as session:
                post = load_post(session, post_id)
            present = {tag.casefold() for tag in post.tags}
            tags = [tag for tag in post.tags if tag.casefold() not in unwanted]
            tags = [*tags, *(tag for tag in add if tag.casefold() not in present)]
            if tags != post.tags:
                self._set_tags(post_id, tags, post.version)

        return self._for_each("tag", posts, act)

    def move(self, posts: Iterable[int], to: Place) -> BulkResult:
        """Moves posts in the given order to this place and those after it; after a fixed date come the next days."""
        moved: list[int] = []
        numbers = itertools.count()

        def act(post_id: int) -> None:
            place = _following(to, next(numbers), moved)
            move_post(self.database, post_id, place, self.settings, self.now, actor=self.actor)
            moved.append(post_id)

        return self._for_each("move", posts, act)

    def undo(self, undo: Undo, *, may_approve: bool) -> BulkResult:
        """Undoes a change, post by post, where nobody changed the post since.

        `may_approve`: whether a post that the change sent to review may be approved again.
        """
        changes = {change.post: change for change in reversed(undo.changes)}

        def act(post_id: int) -> None:
            change = changes[post_id]
            if undo.act == "move":
                move_back(self.database, change, self.settings, now=self.now, actor=self.actor)
            elif undo.act == "tag":
                self._untag(change, may_approve)
            elif change.before.state == "approved":
                self._require_unchanged(change)
                self._approve(post_id, change.after.version)
            else:
                unapprove(self.database, change, now=self.now, actor=self.actor)

        return self._for_each(undo.act, changes, act)

    def _for_each(self, name: Act, posts: Iterable[int], act: Callable[[int], None]) -> BulkResult:
        done, refused, changes = [], [], []
        for post_id in list(dict.fromkeys(posts))[:MAX_POSTS]:
            title = ""
            try:
                title, before = self._read(post_id)
                act(post_id)
                after = self._read(post_id)[1]
            except PostError as refusal:
                refused.append(Refusal(post_id, title or f"post {post_id}", _reasons(refusal)))
                continue
            done.append(post_id)
            if before != after:
                changes.append(Change(post=post_id, before=before, after=after))
        undo = Undo(act=name, changes=tuple(changes)) if changes else None
        return BulkResult(tuple(done), tuple(refused), undo)

    def _read(self, post_id: int) -> tuple[str, Snapshot]:
        with self.database.reading() as session:
            post = load_post(session, post_id)
            return post.title, snapshot(post)

    def _require_unchanged(self, change: Change) -> None:
        with self.database.reading() as session:
            unchanged(session, change)

    def _approve(self, post_id: int, version: int | None = None) -> None:
        approve(
            self.database,
            post_id,
            self.settings,
            self.targets,
            self.people,
            now=self.now,
            actor=self.actor,
            expected_version=version,
        )

    def _withdraw(self, post_id: int) -> None:
        withdraw_post(self.database, post_id, self.now, self.actor)

    def _set_tags(self, post_id: int, tags: Sequence[str], version: int) -> int:
        """Sets the tags of a post, and returns its new version."""
        outcome = edit_post(
            self.database,
            self.store,
            post_id,
            check_entered(PostChanges, {"tags": tags}),
            now=self.now,
            expected_version=version,
            actor=self.actor,
        )
        return outcome.version

    def _untag(self, change: Change, may_approve: bool) -> None:
        self._require_unchanged(change)
        version = self._set_tags(change.post, change.before.tags, change.after.version)
        if change.before.state != "approved":
            return
        if not may_approve:
            raise PostError(f"post {change.post} has its former tags; somebody has to approve it again")
        self._approve(change.post, version)


def _following(to: Place, number: int, moved: Sequence[int]) -> Place:
    """Returns the place of the next of several posts that go to `to` together; `number` counts from 0."""
    if isinstance(to, FixedDate):
        return FixedDate(to.day + timedelta(days=number))
    return to if isinstance(to, End | Reserve) or not moved else After(moved[-1])


def _reasons(refusal: PostError) -> tuple[str, ...]:
    if isinstance(refusal, NotApproved):
        return tuple(str(problem) for problem in refusal.problems)
    return (str(refusal),)
