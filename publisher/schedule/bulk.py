"""Changes several posts at once, each in its own transaction: a refusal of one stops no other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.posts.desk_parts import DeskParts
from publisher.posts.drafts import PostChanges, check_input
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.undo import MAX_POSTS, Act, PostChange, Snapshot, Undo, load_unchanged, snapshot, undo_approval
from publisher.schedule.approval import NotApproved
from publisher.schedule.exchange import exchange_places, put_back_together
from publisher.schedule.order import After, End, FixedDate, Place, Reserve, move_back
from publisher.schedule.post_queue import PostQueue

Reason = Message | Problem


@dataclass(frozen=True, slots=True)
class RefusedPost:
    """Holds a post that was changed not at all or only partly, and why; a reason renders with `str()`."""

    post_id: int
    title: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """Holds what a bulk change did and refused."""

    done: tuple[int, ...]
    refused: tuple[RefusedPost, ...]
    undo: Undo | None
    """Undoes what was changed; None when nothing was."""


class BulkChanges:
    """Changes several posts of a desk for one person."""

    def __init__(self, desk: DeskParts, actor: str) -> None:
        self._desk = desk
        self._actor = actor
        self._queue = PostQueue(desk, actor)

    def approve(self, posts: Iterable[int], seen: Mapping[int, int]) -> BulkResult:
        """Approves posts, except those with a blocking problem, and those of which another version was `seen`."""
        return self._for_each(
            "approve", posts, lambda post_id: self._queue.approve(post_id, expected_version=seen.get(post_id))
        )

    def withdraw(self, posts: Iterable[int]) -> BulkResult:
        """Withdraws posts."""
        return self._for_each("withdraw", posts, self._queue.withdraw)

    def tag(self, posts: Iterable[int], *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> BulkResult:
        """Adds tags to posts and removes others. An approved post goes back to review."""
        unwanted = {tag.casefold() for tag in remove}

        def act(post_id: int) -> None:
            with self._desk.database.reading() as session:
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
            self._queue.move(post_id, place)
            moved.append(post_id)

        return self._for_each("move", posts, act)

    def exchange(self, first: int, second: int) -> BulkResult:
        """Lets two posts change places. Both are changed or none, and so it is undone."""
        return self._together(
            "exchange", (first, second), lambda: exchange_places(self._desk, first, second, actor=self._actor)
        )

    def undo(self, undo: Undo, *, may_approve: bool) -> BulkResult:
        """Undoes a change, post by post, where nobody changed the post since.

        `may_approve`: whether a post that the change sent to review may be approved again.
        """
        desk = self._desk
        changes = {change.post: change for change in reversed(undo.changes)}
        if undo.act == "exchange":
            both = [*changes.values()]
            return self._together(
                undo.act,
                changes,
                lambda: put_back_together(desk.database, both, desk.settings, now=desk.now(), actor=self._actor),
            )

        def act(post_id: int) -> None:
            change = changes[post_id]
            if undo.act == "move":
                move_back(desk.database, change, desk.settings, now=desk.now(), actor=self._actor)
            elif undo.act == "tag":
                self._untag(change, may_approve)
            elif change.before.state == "approved":
                self._require_unchanged(change)
                self._queue.approve(post_id, expected_version=change.after.version)
            else:
                undo_approval(desk.database, change, now=desk.now(), actor=self._actor)

        return self._for_each(undo.act, changes, act)

    def _for_each(self, name: Act, posts: Iterable[int], act: Callable[[int], object]) -> BulkResult:
        done, refused, changes = [], [], []
        for post_id in list(dict.fromkeys(posts))[:MAX_POSTS]:
            title = ""
            try:
                title, before = self._read(post_id)
                act(post_id)
                after = self._read(post_id)[1]
            except PostError as refusal:
                refused.append(RefusedPost(post_id, title or str(_("post {post}", post=post_id)), _reasons(refusal)))
                continue
            done.append(post_id)
            if before != after:
                changes.append(PostChange(post=post_id, before=before, after=after))
        undo = Undo(act=name, changes=tuple(changes)) if changes else None
        return BulkResult(tuple(done), tuple(refused), undo)

    def _together(self, name: Act, posts: Iterable[int], act: Callable[[], object]) -> BulkResult:
        """Changes posts in one transaction; a refusal of one changes none."""
        before: dict[int, tuple[str, Snapshot]] = {}
        try:
            before |= {post_id: self._read(post_id) for post_id in posts}
            act()
        except PostError as refusal:
            first = next(iter(posts), 0)
            title = before[first][0] if first in before else str(_("post {post}", post=first))
            return BulkResult((), (RefusedPost(first, title, _reasons(refusal)),), None)
        changes = [
            PostChange(post=post_id, before=seen, after=self._read(post_id)[1])
            for post_id, (_title, seen) in before.items()
        ]
        return BulkResult(tuple(before), (), Undo(act=name, changes=tuple(changes)))

    def _read(self, post_id: int) -> tuple[str, Snapshot]:
        with self._desk.database.reading() as session:
            post = load_post(session, post_id)
            return post.title, snapshot(post)

    def _require_unchanged(self, change: PostChange) -> None:
        with self._desk.database.reading() as session:
            load_unchanged(session, change)

    def _set_tags(self, post_id: int, tags: Sequence[str], version: int) -> int:
        """Sets the tags of a post, and returns its new version."""
        changes = check_input(PostChanges, {"tags": tags})
        outcome = self._queue.edit(post_id, changes, expected_version=version)
        return outcome.version

    def _untag(self, change: PostChange, may_approve: bool) -> None:
        self._require_unchanged(change)
        version = self._set_tags(change.post, change.before.tags, change.after.version)
        if change.before.state != "approved":
            return
        if not may_approve:
            raise PostError(_("post {post} has its former tags; somebody has to approve it again", post=change.post))
        self._queue.approve(change.post, expected_version=version)


def _following(to: Place, number: int, moved: Sequence[int]) -> Place:
    """Returns the place of the next of several posts that go to `to` together; `number` counts from 0."""
    if isinstance(to, FixedDate):
        return FixedDate(to.day + timedelta(days=number))
    return to if isinstance(to, End | Reserve) or not moved else After(moved[-1])


def _reasons(refusal: PostError) -> tuple[Reason, ...]:
    if isinstance(refusal, NotApproved):
        return tuple(problem.text for problem in refusal.problems)
    return (refusal.text,)
