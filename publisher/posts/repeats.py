"""Finds posts with the same picture or the same text, among those that wait and those that were shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from publisher.core.content import ContentProblem
from publisher.core.problems import Problem, ProblemCode
from publisher.core.remedies import Remedy
from publisher.core.text_digest import text_digest
from publisher.db.models import Delivery, Media, Pick, Post, PostImage
from publisher.posts.problem_codes import PostContentProblem
from publisher.posts.problems import PostProblem
from publisher.posts.published_links import first_link

MAX_HASH_DISTANCE = 24
"""Perceptual hashes with at most this many different bits of 256 belong to the same picture."""
MAX_COMPARED = 5_000
"""Where there are more pictures, lists of posts compare the files alone: comparing each hash would take seconds."""
MAX_TOLD = 3
"""So many posts that show the same picture, or text, are told one by one; of the others, how many there are."""
_BATCH = 500


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


@dataclass(frozen=True, slots=True)
class _OtherPost:
    """Holds a post that shows the same."""

    id: int
    title: str
    is_approved: bool
    """Followers have seen it, or will see it."""
    intended: frozenset[int]


REPEAT_CODES = frozenset(
    {
        PostContentProblem.SAME_PICTURE_WAITING,
        PostContentProblem.SAME_PICTURE_SHOWN,
        PostContentProblem.SAME_PICTURE_SHOWN_AT,
        PostContentProblem.SAME_PICTURE_MORE,
        PostContentProblem.SAME_TEXT_WAITING,
        PostContentProblem.SAME_TEXT_SHOWN,
        PostContentProblem.SAME_TEXT_SHOWN_AT,
        PostContentProblem.SAME_TEXT_MORE,
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
    for batch in _batches(ids):
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
    the looks with every picture, however many there are.
    """
    alike = _similar_pictures(session, subjects, everywhere=everywhere)
    posts_by_picture = _posts_by_picture(session, {other for others in alike.values() for other in others})
    posts_by_text = _posts_by_text(session, {subject.text for subject in subjects if subject.text})
    return {
        subject.post_id: (
            *_picture_remarks(session, subject, alike, posts_by_picture),
            *_text_remarks(session, subject, posts_by_text),
        )
        for subject in subjects
    }


_Others = Mapping[str, Sequence[_OtherPost]]
"""Posts by what they have in common."""


def _picture_remarks(
    session: Session, subject: PossibleRepeat, alike: Mapping[str, Sequence[str]], posts: _Others
) -> list[PostProblem]:
    remarks = []
    for place, (sha256, _phash) in enumerate(subject.pictures):
        showing = {other for like in alike[sha256] for other in posts.get(like, ())}
        remarks += _tell(session, subject, showing, _PICTURE, f"images[{place}]", picture=place + 1)
    return remarks


def _text_remarks(session: Session, subject: PossibleRepeat, posts: _Others) -> list[PostProblem]:
    others = posts.get(subject.text, ()) if subject.text else ()
    return _tell(session, subject, others, _TEXT, "body")


_Codes = tuple[ProblemCode, ProblemCode, ProblemCode, ProblemCode]
_PICTURE: _Codes = (
    PostContentProblem.SAME_PICTURE_WAITING,
    PostContentProblem.SAME_PICTURE_SHOWN,
    PostContentProblem.SAME_PICTURE_SHOWN_AT,
    PostContentProblem.SAME_PICTURE_MORE,
)
_TEXT: _Codes = (
    PostContentProblem.SAME_TEXT_WAITING,
    PostContentProblem.SAME_TEXT_SHOWN,
    PostContentProblem.SAME_TEXT_SHOWN_AT,
    PostContentProblem.SAME_TEXT_MORE,
)


def _tell(
    session: Session, subject: PossibleRepeat, posts: Iterable[_OtherPost], codes: _Codes, place: str, **values: Any
) -> list[PostProblem]:
    """Tells which other posts show the same: those that block the approval first, and of many, the first few."""
    others = sorted(
        (other for other in posts if other.id != subject.post_id),
        key=lambda other: (not _blocks(subject, other), other.id),
    )
    told = others if len(others) <= MAX_TOLD + 1 else others[:MAX_TOLD]
    remarks = [
        _repeat(subject, place, _blocks(subject, other), _describe(session, codes, other, values)) for other in told
    ]
    if rest := others[len(told) :]:
        blocking = [other.id for other in rest if _blocks(subject, other)]
        more = codes[-1](**values, count=len(rest), posts=blocking)
        remarks.append(_repeat(subject, place, bool(blocking), more))
    return remarks


def _blocks(subject: PossibleRepeat, other: _OtherPost) -> bool:
    is_meant = other.id in subject.intended or subject.post_id in other.intended
    return other.is_approved and not is_meant and not subject.is_approved


def _repeat(subject: PossibleRepeat, place: str, blocking: bool, problem: Problem) -> PostProblem:
    if blocking and subject.post_id is not None:
        problem = problem.with_remedy(Remedy.APPROVE_REPEAT, repeating=subject.post_id)
    return PostProblem(ContentProblem(field=place, problem=problem, blocking=blocking))


def _describe(session: Session, codes: _Codes, other: _OtherPost, about: Mapping[str, Any]) -> Problem:
    """Says which post shows the same, and when and where followers saw it last."""
    waiting, shown, shown_at, _more = codes
    values = {**about, "post": other.id, "title": other.title}
    pick = session.scalar(select(Pick).where(Pick.post_id == other.id).order_by(Pick.slot.desc()).limit(1))
    if pick is None:
        day = session.scalar(select(Post.published_elsewhere_on).where(Post.id == other.id))
        link = first_link(session, other.id) if day else None
        values = {**values, "day": day}
        return waiting(**values) if day is None else shown_at(**values, link=link) if link else shown(**values)
    published = (Delivery.pick_id == pick.id, Delivery.state == "published", Delivery.remote_url.is_not(None))
    link = session.scalar(select(Delivery.remote_url).where(*published).order_by(Delivery.id).limit(1))
    return shown_at(**values, day=pick.slot, link=link) if link else shown(**values, day=pick.slot)


def _counts() -> ColumnElement[bool]:
    return or_(Post.state != "withdrawn", Post.last_shown_on.is_not(None))


_OTHER = (Post.id, Post.title, Post.state, Post.last_shown_on, Post.intended_repeats)


def _other_post(row: Any) -> _OtherPost:
    """Makes it of a row with the columns of `_OTHER`."""
    is_approved = row.state == "approved" or row.last_shown_on is not None
    return _OtherPost(row.id, row.title, is_approved, frozenset(row.intended_repeats))


def _posts_by_picture(session: Session, pictures: set[str]) -> dict[str, list[_OtherPost]]:
    posts: dict[str, list[_OtherPost]] = defaultdict(list)
    query = select(PostImage.media_sha256, *_OTHER).join(Post, Post.id == PostImage.post_id)
    for batch in _batches(sorted(pictures)):
        for row in session.execute(query.where(PostImage.media_sha256.in_(batch), _counts())):
            posts[row.media_sha256].append(_other_post(row))
    return posts


def _posts_by_text(session: Session, digests: set[str]) -> dict[str, list[_OtherPost]]:
    posts: dict[str, list[_OtherPost]] = defaultdict(list)
    query = select(Post.text_digest, *_OTHER).order_by(Post.id)
    for batch in _batches(sorted(digests)):
        for row in session.execute(query.where(Post.text_digest.in_(batch), _counts())):
            posts[row.text_digest].append(_other_post(row))
    return posts


def _batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))


def _similar_pictures(
    session: Session, subjects: Sequence[PossibleRepeat], *, everywhere: bool
) -> dict[str, tuple[str, ...]]:
    """Returns the files that show the same as each picture, itself included."""
    pictures = {sha256: phash for subject in subjects for sha256, phash in subject.pictures}
    if not pictures:
        return {}
    count = session.scalar(select(func.count()).select_from(Media)) or 0
    if count > MAX_COMPARED and not everywhere:
        return {sha256: (sha256,) for sha256 in pictures}
    rows = session.execute(select(Media.sha256, Media.phash).where(Media.phash.is_not(None)))
    hashes = [(sha256, int(phash, 16)) for sha256, phash in rows if phash]
    return {sha256: (sha256, *_look_alikes(phash, hashes)) for sha256, phash in pictures.items()}


def _look_alikes(phash: str | None, hashes: Sequence[tuple[str, int]]) -> list[str]:
    if phash is None:
        return []
    own = int(phash, 16)
    return [other for other, other_hash in hashes if (own ^ other_hash).bit_count() <= MAX_HASH_DISTANCE]
