"""Changes posts for one person; the command line, the pages and the API all use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from publisher.collaboration.notifications import notify_of_comment, notify_of_return, notify_of_review
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.media import MediaUnreachable
from publisher.posts import review
from publisher.posts.desk_parts import DeskParts
from publisher.posts.drafts import PostChanges, PostDraft
from publisher.posts.errors import MachineError, StaleEdit
from publisher.posts.finished_pictures import make_pictures
from publisher.posts.picture_values import examine_pictures
from publisher.posts.pictures import store_pictures
from publisher.posts.post_store import changing_post, load_post
from publisher.posts.posts import (
    AddedPost,
    EditOutcome,
    add_post,
    edit_post,
    is_like,
    unchanged_post,
    withdraw_post,
)
from publisher.posts.problems import PostProblem
from publisher.schedule.approval import Approval, approve_post, find_obstacles
from publisher.schedule.order import Place, move_post

MAX_CHANGES_MEANWHILE = 5
"""So often a post may be changed while its pictures are made, before its approval is given up."""


class PostQueue:
    """Changes the posts of one desk for one person. Each method is one transaction.

    `expected_version`: the version that the person saw. Any method with it raises PostError when there is no such
    post, or somebody changed it since; then nothing was changed.
    """

    def __init__(self, desk: DeskParts, actor: str = "") -> None:
        self._desk = desk
        self._actor = actor

    def add(
        self, draft: PostDraft, *, also_write: Callable[[Session, Post, Sequence[Problem]], None] | None = None
    ) -> AddedPost:
        """Stores a post as a draft at the end of the queue, or of the reserve; see `add_post`."""
        desk = self._desk
        return add_post(desk.database, desk.store, draft, desk.now(), self._actor, also_write=also_write)

    def edit(self, post_id: int, changes: PostChanges, *, expected_version: int | None = None) -> EditOutcome:
        """Changes a post. An approved one goes back to review, whoever changes it, unless it is like that already.

        After the pick, the deliveries keep the text that was approved; the outcome says which of them would get the
        change if somebody approved it now.

        Raises:
            PostError: a picture can't be used. Then nothing was changed.
        """
        now = self._desk.now()
        pictures = store_pictures(self._desk.store, changes.images)
        with changing_post(self._desk.database) as session:
            if is_like(post := load_post(session, post_id), changes, pictures):
                return unchanged_post(post)
            post = load_post(session, post_id, expected_version)
            return edit_post(session, post, changes, pictures, now=now, actor=self._actor)

    def ask_for_review(self, post_id: int, *, expected_version: int | None = None) -> None:
        """Gives a draft to review. Raises PostError when it is no draft."""
        desk = self._desk
        review.ask_for_review(
            desk.database,
            post_id,
            now=desk.now(),
            actor=self._actor,
            expected_version=expected_version,
            also_write=lambda session, post: notify_of_review(session, post.id, self._actor, desk.now()),
        )

    def send_back(self, post_id: int, *, person_id: int | None = None, reason: str = "") -> None:
        """Makes a post in review a draft again, with a person's comment that says why.

        Raises PostError when it isn't in review, or the reason is too long.
        """
        now = self._desk.now()

        def add_reason(session: Session, post: Post) -> None:
            comment = None
            if person_id is not None and reason.strip():
                comment = review.add_comment(session, post.id, person_id, reason, now=now, actor=self._actor)
            notify_of_return(session, post.id, comment, self._actor, now)

        review.send_back(self._desk.database, post_id, now=now, actor=self._actor, also_write=add_reason)

    def add_comment(self, post_id: int, person_id: int, text: str) -> None:
        """Adds a person's comment to a post. Raises PostError when it is empty or too long."""
        now = self._desk.now()
        with self._desk.database.writing() as session:
            comment = review.add_comment(session, post_id, person_id, text, now=now, actor=self._actor)
            notify_of_comment(session, comment, self._actor, now)

    def approve(self, post_id: int, *, expected_version: int | None = None, repeat_is_meant: bool = False) -> Approval:
        """Approves a post to go out when its turn comes, and returns the remarks on it.

        `repeat_is_meant`: the person knows that another post shows the same picture or text, and wants that.

        Approving a withdrawn post brings it back; approving an approved one changes nothing. Where a post was
        changed after its pick, those of its deliveries that wait and were never sent get the post as it is now.

        What every channel would get of its pictures is made first, and what can't be made blocks it.

        Raises:
            NotApproved: something blocks it.
            PostError: it was picked as it is, a waiting delivery could not carry it, or the outlet wants an approver
                who is not one of its authors.
        """
        for _attempt in range(MAX_CHANGES_MEANWHILE):
            version, of_pictures = self._make_pictures(post_id, expected_version, repeat_is_meant)
            with changing_post(self._desk.database) as session:
                post = load_post(session, post_id, expected_version)
                if post.version == version:
                    return approve_post(
                        session, post, self._desk, self._actor, of_pictures, repeat_is_meant=repeat_is_meant
                    )
        raise StaleEdit(_("somebody changes post {post} again and again; look at it and approve it then", post=post_id))

    def _make_pictures(
        self, post_id: int, expected_version: int | None, repeat_is_meant: bool
    ) -> tuple[int, tuple[PostProblem, ...]]:
        """Makes what every channel would get of a post, outside of any transaction, because it takes seconds.

        Returns the version of which the pictures are, and what is wrong with them.
        """
        desk = self._desk
        with desk.database.reading() as session:
            pictures = [image.media_sha256 for image in load_post(session, post_id, expected_version).images]
        try:
            examine_pictures(desk.database, desk.store, pictures)
        except MediaUnreachable as error:
            raise MachineError(
                _("the pictures of post {post} can't be read now: {why:clause}", post=post_id, why=error.text)
            ) from error
        with desk.database.reading() as session:
            post = load_post(session, post_id, expected_version)
            find_obstacles(session, post, desk, self._actor, repeat_is_meant=repeat_is_meant)
        if post.state == "approved":
            return post.version, ()
        return post.version, make_pictures(post, desk.targets, desk.people, desk.renderer)

    def withdraw(self, post_id: int, *, expected_version: int | None = None) -> None:
        """Takes a post out of the queue or the reserve. Approving it brings it back.

        Raises:
            PostError: it was picked, or is withdrawn already.
        """
        desk = self._desk
        withdraw_post(desk.database, post_id, desk.now(), self._actor, expected_version=expected_version)

    def move(self, post_id: int, to: Place, *, expected_version: int | None = None) -> None:
        """Gives a post another place. Its content, its approval and the order of the others stay.

        Raises:
            PostError: there is no such neighbour, the post was shown and has left the queue, or its fixed date is
                impossible.
        """
        with changing_post(self._desk.database) as session:
            move_post(session, load_post(session, post_id, expected_version), to, self._desk, self._actor)
