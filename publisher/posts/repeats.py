"""Finds posts with the same picture or the same text, among those that wait and those that were shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.content import ContentProblem
from publisher.core.problems import Problem, ProblemCode
from publisher.core.remedies import Remedy
from publisher.core.text_digest import text_digest
from publisher.db.models import Media, Post, PostImage
from publisher.posts.last_shown import LastShown, last_shown
from publisher.posts.posts_in_common import (
    OtherPost,
    PostsInCommon,
    batches,
    posts_by_picture,
    posts_by_text,
    similar_pictures,
)
from publisher.posts.problem_codes import PostContentProblem
from publisher.posts.problems import PostProblem

MAX_TOLD = 3
"""So many posts that show the same picture, or text, are told one by one; of the others, how many there are."""


@dataclass(frozen=True, slots=True)
class PossibleRepeat:
    """Holds what is compared of a post."""

    post_id: int | None
    """None: it is not stored yet."""
    pictures: tuple[tuple[str, str | None], ...]
    """The hash of each file, and its perceptual hash."""
    text: str | None
    """The digest of its text."""
    intended: frozenset[int] = frozenset()
    """Posts that a person has repeated in it on purpose."""
    is_approved: bool = False
    """A person has approved it with its repeats, which block nothing any more."""

    @classmethod
    def of(cls, post: Post) -> PossibleRepeat:
        pictures = tuple((image.media_sha256, image.media.phash) for image in post.images)
        text = text_digest(post.title, post.standfirst or "", post.body or "")
        return cls(post.id, pictures, text, frozenset(post.intended_repeats or ()), post.state == "approved")


REPEAT_CODES = frozenset(
    {
        PostContentProblem.SAME_PICTURE_WAITING,
        PostContentProblem.SAME_PICTURE_SHOWN,
        PostContentProblem.SAME_PICTURE_SHOWN_AT,
        PostContentProblem.SAME_PICTURE_MORE,
        PostContentProblem.SAME_PICTURE_OVER,
        PostContentProblem.SAME_TEXT_WAITING,
        PostContentProblem.SAME_TEXT_SHOWN,
        PostContentProblem.SAME_TEXT_SHOWN_AT,
        PostContentProblem.SAME_TEXT_MORE,
        PostContentProblem.SAME_TEXT_OVER,
    }
)


def repeats_among(problems: Iterable[PostProblem]) -> list[PostProblem]:
    """Returns those of the problems of a post that say what it repeats."""
    return [problem for problem in problems if problem.problem.problem.code in REPEAT_CODES]


def repeated_posts(problems: Iterable[PostProblem]) -> set[int]:
    """Returns the posts whose repeat blocks the approval, as the problems of a post name them."""
    blocking = [problem.problem.problem.parameters for problem in repeats_among(problems) if problem.problem.blocking]
    return {post for values in blocking for post in (values["posts"] if "posts" in values else (values["post"],))}


def without_blocking(problems: Iterable[PostProblem]) -> tuple[PostProblem, ...]:
    """Returns the same repeats for a post that can't be approved any more, because it has left the queue."""
    return tuple(
        replace(
            problem,
            problem=problem.problem.model_copy(
                update={"blocking": False, "problem": problem.problem.problem.with_remedy(None)}
            ),
        )
        for problem in problems
    )


def duplicate_warnings(session: Session, post: Post) -> list[Problem]:
    """Returns a warning for each picture and the text of the post that another post shows too."""
    return [problem.problem.problem for problem in repeats_of(session, post)]


def repeats_of(session: Session, post: Post) -> tuple[PostProblem, ...]:
    """Returns what `post` repeats. Looks at every picture, however many there are."""
    return find_repeats(session, [PossibleRepeat.of(post)], everywhere=True)[post.id]


def repeats_of_stored(session: Session, post_ids: Iterable[int]) -> dict[int, tuple[PostProblem, ...]]:
    """Returns what each of these posts repeats."""
    ids = list(post_ids)
    pictures: dict[int, list[tuple[str, str | None]]] = defaultdict(list)
    columns = select(PostImage.post_id, Media.sha256, Media.phash).join(Media, Media.sha256 == PostImage.media_sha256)
    ordered = columns.order_by(PostImage.post_id, PostImage.position)
    texts: dict[int, tuple[str | None, str, list[int]]] = {}
    for batch in batches(ids):
        for post_id, sha256, phash in session.execute(ordered.where(PostImage.post_id.in_(batch))):
            pictures[post_id].append((sha256, phash))
        digests = select(Post.id, Post.text_digest, Post.state, Post.intended_repeats).where(Post.id.in_(batch))
        texts |= {post_id: (digest, state, intended) for post_id, digest, state, intended in session.execute(digests)}
    subjects = [
        PossibleRepeat(post_id, tuple(pictures[post_id]), digest, frozenset(intended), state == "approved")
        for post_id, (digest, state, intended) in texts.items()
    ]
    repeats = find_repeats(session, subjects)
    return {post_id: repeats.get(post_id, ()) for post_id in ids}


def find_repeats(
    session: Session, subjects: Sequence[PossibleRepeat], *, everywhere: bool = False
) -> dict[int | None, tuple[PostProblem, ...]]:
    """Returns a problem for each picture and each text that another post has too, by post.

    It blocks the approval where that other post is approved or was shown, until a person says that the repeat is
    meant.

    For what was shown, it names the last day and, once a delivery is published, its link. `everywhere`: compares
    the looks with every picture, and tells every post, however many there are.
    """
    pictures = {sha256: phash for subject in subjects for sha256, phash in subject.pictures}
    alike = similar_pictures(session, pictures, everywhere=everywhere)
    of_pictures = posts_by_picture(session, {like for likes in alike.values() for like in likes}, everywhere=everywhere)
    texts = {subject.text for subject in subjects if subject.text}
    of_texts = posts_by_text(session, texts, everywhere=everywhere)
    repeats = {
        subject.post_id: [*_same_pictures(subject, alike, of_pictures), *_same_text(subject, of_texts)]
        for subject in subjects
    }
    unclear = [subject for subject in subjects if any(repeat.may_block_unseen for repeat in repeats[subject.post_id])]
    told = {other.id for repeated in repeats.values() for repeat in repeated for other in repeat.told}
    shown = last_shown(session, told)
    remarks = {
        subject.post_id: tuple(remark for repeat in repeats[subject.post_id] for remark in _remarks(repeat, shown))
        for subject in subjects
    }
    return remarks | find_repeats(session, unclear, everywhere=True) if unclear else remarks


_Codes = tuple[ProblemCode, ProblemCode, ProblemCode, ProblemCode, ProblemCode]
_PICTURE: _Codes = (
    PostContentProblem.SAME_PICTURE_WAITING,
    PostContentProblem.SAME_PICTURE_SHOWN,
    PostContentProblem.SAME_PICTURE_SHOWN_AT,
    PostContentProblem.SAME_PICTURE_MORE,
    PostContentProblem.SAME_PICTURE_OVER,
)
_TEXT: _Codes = (
    PostContentProblem.SAME_TEXT_WAITING,
    PostContentProblem.SAME_TEXT_SHOWN,
    PostContentProblem.SAME_TEXT_SHOWN_AT,
    PostContentProblem.SAME_TEXT_MORE,
    PostContentProblem.SAME_TEXT_OVER,
)


@dataclass(frozen=True, slots=True)
class _Repeat:
    """Holds the other posts that show one picture, or the text, of a post."""

    subject: PossibleRepeat
    field: str
    codes: _Codes
    values: Mapping[str, Any]
    others: tuple[OtherPost, ...]
    """Those that block the approval first, then the newest first."""
    has_more: bool
    may_block_unseen: bool
    """None that was read blocks the approval, but one that was not read might."""

    @property
    def told(self) -> tuple[OtherPost, ...]:
        """Returns those that are told one by one."""
        return self.others if len(self.others) <= MAX_TOLD + 1 and not self.has_more else self.others[:MAX_TOLD]


def _same_pictures(
    subject: PossibleRepeat, alike: Mapping[str, Sequence[str]], posts: Mapping[str, PostsInCommon]
) -> Iterator[_Repeat]:
    for place, (sha256, _phash) in enumerate(subject.pictures):
        showing = PostsInCommon.union(posts[like] for like in alike[sha256] if like in posts)
        yield _repeat_of(subject, f"images[{place}]", _PICTURE, {"picture": place + 1}, showing)


def _same_text(subject: PossibleRepeat, posts: Mapping[str, PostsInCommon]) -> Iterator[_Repeat]:
    if subject.text:
        yield _repeat_of(subject, "body", _TEXT, {}, posts.get(subject.text, PostsInCommon()))


def _repeat_of(
    subject: PossibleRepeat, field: str, codes: _Codes, values: Mapping[str, Any], showing: PostsInCommon
) -> _Repeat:
    others = sorted(
        (other for other in showing.posts if other.id != subject.post_id),
        key=lambda other: (not _blocks(subject, other), -other.id),
    )
    nothing_blocks = not others or not _blocks(subject, others[0])
    may_block_unseen = showing.has_more_approved and nothing_blocks and not subject.is_approved
    return _Repeat(subject, field, codes, values, tuple(others), showing.has_more, may_block_unseen)


def _remarks(repeat: _Repeat, shown: Mapping[int, LastShown]) -> Iterator[PostProblem]:
    """Tells which other posts show the same; of many, the first few."""
    subject = repeat.subject
    for other in repeat.told:
        yield _remark(repeat, _blocks(subject, other), _describe(repeat, other, shown.get(other.id)))
    if rest := repeat.others[len(repeat.told) :]:
        blocking = [other.id for other in rest if _blocks(subject, other)]
        more = repeat.codes[-1] if repeat.has_more else repeat.codes[-2]
        yield _remark(repeat, bool(blocking), more(**repeat.values, count=len(rest), posts=blocking))


def _blocks(subject: PossibleRepeat, other: OtherPost) -> bool:
    is_meant = other.id in subject.intended or subject.post_id in other.intended
    return other.is_approved and not is_meant and not subject.is_approved


def _remark(repeat: _Repeat, blocking: bool, problem: Problem) -> PostProblem:
    if blocking and repeat.subject.post_id is not None:
        problem = problem.with_remedy(Remedy.APPROVE_REPEAT, repeating=repeat.subject.post_id)
    return PostProblem(ContentProblem(field=repeat.field, problem=problem, blocking=blocking))


def _describe(repeat: _Repeat, other: OtherPost, last: LastShown | None) -> Problem:
    """Says which post shows the same, and when and where followers saw it last."""
    waiting, shown, shown_at, *_ = repeat.codes
    values = {**repeat.values, "post": other.id, "title": other.title}
    if last is None:
        return waiting(**values)
    values["day"] = last.day
    return shown_at(**values, link=last.link) if last.link else shown(**values)
