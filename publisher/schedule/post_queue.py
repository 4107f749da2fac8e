"""Changes posts for one person; the command line, the pages and the API all use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.posts import review
from publisher.posts.desk_parts import DeskParts
from publisher.posts.drafts import PostChanges, PostDraft
from publisher.posts.pictures import store_pictures
from publisher.posts.post_store import changing_post, load_post
from publisher.posts.posts import AddedPost, EditOutcome, add_post, edit_post, withdraw_post
from publisher.schedule.approval import Approval, approve_post
from publisher.schedule.order import Place, move_post


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
        """Changes a post. An approved one goes back to review, whoever changes it.

        After the pick, the deliveries keep the text that was approved; the outcome says which of them would get the
        change if somebody approved it now.

        Raises:
            PostError: a picture can't be used. Then nothing was changed.
        """
        now = self._desk.now()
        pictures = store_pictures(self._desk.store, changes.images)
        with changing_post(self._desk.database) as session:
            post = load_post(session, post_id, expected_version)
            return edit_post(session, post, changes, pictures, now=now, actor=self._actor)

    def ask_for_review(self, post_id: int, *, expected_version: int | None = None) -> None:
        """Gives a draft to review. Raises PostError when it is no draft."""
        desk = self._desk
        review.ask_for_review(
            desk.database, post_id, now=desk.now(), actor=self._actor, expected_version=expected_version
        )

    def send_back(self, post_id: int) -> None:
        """Makes a post in review a draft again. Raises PostError when it isn't in review."""
        review.send_back(self._desk.database, post_id, now=self._desk.now(), actor=self._actor)

    def add_comment(self, post_id: int, person_id: int, text: str) -> None:
        """Adds a person's comment to a post. Raises PostError when it is empty or too long."""
        review.add_comment(self._desk.database, post_id, person_id, text, now=self._desk.now(), actor=self._actor)

    def approve(self, post_id: int, *, expected_version: int | None = None) -> Approval:
        """Approves a post to go out when its turn comes, and returns the remarks on it.

        Approving a withdrawn post brings it back; approving an approved one changes nothing. Where a post was
        changed after its pick, those of its deliveries that wait and were never sent get the post as it is now.

        Raises:
            NotApproved: something blocks it.
            PostError: it was picked as it is, a waiting delivery could not carry it, or the outlet wants an approver
                who is not one of its authors.
        """
        with changing_post(self._desk.database) as session:
            return approve_post(session, load_post(session, post_id, expected_version), self._desk, self._actor)

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
