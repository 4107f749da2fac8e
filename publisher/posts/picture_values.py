"""Says which values of pictures are shown, and finds those of pictures from an older desk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select, update

from publisher.adapt.images.inspection import ImageRefused, inspect_image
from publisher.core.content import ContentProblem, ImageChoices
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.core.value_range import Appearance, ValueFacts, ValueKind, WindowChoice, limits_of
from publisher.db.models import Media, Post
from publisher.db.session import Database
from publisher.media import MediaDamaged, MediaMissing, MediaStore
from publisher.posts.problem_codes import PostContentProblem

EXAMINED_AT_ONCE = 10
"""Pictures that one run of the regular job examines: up to some seconds each."""

_LOOKS = {
    Appearance.BLACK: PostContentProblem.PICTURE_NEARLY_BLACK,
    Appearance.WHITE: PostContentProblem.PICTURE_NEARLY_WHITE,
    Appearance.FLAT: PostContentProblem.PICTURE_NEARLY_EVEN,
}
_KINDS: Mapping[ValueKind, Message] = {
    "int8": _("signed 8-bit numbers"),
    "int16": _("signed 16-bit numbers"),
    "int32": _("signed 32-bit numbers"),
    "uint32": _("32-bit numbers"),
    "float32": _("32-bit floating-point numbers"),
    "float64": _("64-bit floating-point numbers"),
}
"""The kinds that have no black and no white of their own."""
UNKNOWN = (Media.bits > 8, Media.value_facts.is_(None))


def value_problems(post: Post) -> tuple[ContentProblem, ...]:
    """Finds pictures of which little can be seen over their full range, or which have none.

    That blocks until somebody has chosen.
    """
    problems = (
        _value_problem(post.id, number, image.media.values, ImageChoices.model_validate(image.choices).window)
        for number, image in enumerate(post.images, start=1)
        if not image.media.channel_facts
    )
    return tuple(problem for problem in problems if problem is not None)


def _value_problem(
    post_id: int | None, picture: int, facts: ValueFacts | None, choice: WindowChoice | None
) -> ContentProblem | None:
    if facts is None:
        return None
    shown = limits_of(choice, facts)
    if choice is not None:
        code = PostContentProblem.LITTLE_SEEN_AS_CHOSEN if facts.appearance(shown) else None
    elif facts.is_even:
        code = PostContentProblem.PICTURE_EVEN
    elif not facts.has_screen_range:
        code = PostContentProblem.PICTURE_RANGE_OPEN
    elif looks := facts.appearance():
        code = _LOOKS[looks]
    else:
        code = PostContentProblem.PICTURE_DARK if facts.looks_dark else None
    if code is None:
        return None
    black, white = facts.detected if choice is None else shown
    values: dict[str, Any] = {"low": facts.low, "high": facts.high, "black": black, "white": white}
    if code is PostContentProblem.PICTURE_RANGE_OPEN:
        values |= {"low": facts.minimum, "high": facts.maximum, "kind": _KINDS[facts.kind]}
    elif code is not PostContentProblem.LITTLE_SEEN_AS_CHOSEN:
        values["maximum"] = facts.full[1]
    problem = code(picture=picture, post=post_id or 0, **values)
    is_open = choice is None and facts.needs_choice
    return ContentProblem(field=f"images[{picture - 1}].window", problem=problem, blocking=is_open)


def examine_pictures(database: Database, store: MediaStore, pictures: Iterable[str]) -> None:
    """Examines those of the pictures whose values are not known, and stores what was found. Others cost a query.

    Raises:
        MediaUnreachable: an original can't be read now.
    """
    wanted = list(pictures)
    with database.reading() as session:
        unknown = list(session.scalars(select(Media.sha256).where(Media.sha256.in_(wanted), *UNKNOWN)))
    for sha256 in unknown:
        _examine(database, store, sha256)


def examine_oldest_pictures(database: Database, store: MediaStore, failed: set[str]) -> None:
    """Examines some pictures whose values are not known.

    `failed`: those not to try again; one that can't be examined is added.

    Raises:
        MediaUnreachable: an original can't be read now.
    """
    query = select(Media.sha256).where(Media.sha256.not_in(failed), *UNKNOWN).order_by(Media.created_at)
    with database.reading() as session:
        unknown = list(session.scalars(query.limit(EXAMINED_AT_ONCE)))
    failed.update(sha256 for sha256 in unknown if not _examine(database, store, sha256))


def _examine(database: Database, store: MediaStore, sha256: str) -> bool:
    """Stores the values of one picture. False: it can't be examined; making it will say why."""
    try:
        facts = inspect_image(store.fetch(sha256))
    except (ImageRefused, MediaMissing, MediaDamaged) as error:
        get_logger("pictures").warning("the values of a picture are not known", picture=sha256, why=str(error))
        return False
    if facts.values is None:
        return False
    values = facts.values.to_json()
    with database.writing() as session:
        session.execute(update(Media).where(Media.sha256 == sha256).values(value_facts=values))
    return True
