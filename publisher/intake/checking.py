"""Checks an item of an import: what makes it no post, and what staff should know of the post that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from publisher.core.problems import Problem
from publisher.intake.items import ImportedItem
from publisher.intake.problem_codes import ImportProblem
from publisher.intake.web_addresses import is_sendable
from publisher.posts.drafts import PostDraft, check_input
from publisher.posts.errors import PostError


@dataclass(frozen=True, slots=True)
class CheckedItem:
    """Holds an item with the post that it makes, or why it makes none."""

    item: ImportedItem
    draft: PostDraft | None
    """None: it makes no post."""
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()


def check_item(item: ImportedItem, today: date) -> CheckedItem:
    """Checks what an item says. `today`: the outlet's day; nothing was published later.

    Opens no picture, and leaves out those that are to be fetched.
    """
    problems = [*item.problems, *_date_problems(item, today), *_link_problems(item)]
    draft = None
    # What could not be read would only be told once more.
    if not item.problems:
        try:
            draft = _draft(item)
        except PostError as error:
            problems.append(ImportProblem.UNREADABLE(why=error.text))
    if problems:
        return CheckedItem(item, None, tuple(problems))
    return CheckedItem(item, draft, (), tuple(_remarks(item)))


def _draft(item: ImportedItem) -> PostDraft:
    pictures = [
        {
            "file": picture.file,
            "alt_text": picture.alt_text,
            "credit": picture.credit,
            "licence": picture.licence,
            "choices": dict(picture.choices),
        }
        for picture in item.pictures
        if picture.file is not None
    ]
    texts = ("title", "standfirst", "body", "written_by", "credit", "licence", "link", "links", "tags", "language")
    values = {name: getattr(item, name) for name in texts}
    structures = {"translations": dict(item.translations), "captions": dict(item.captions), "images": pictures}
    return check_input(PostDraft, {**values, **structures})


def _date_problems(item: ImportedItem, today: date) -> Iterator[Problem]:
    if item.published_on is None:
        if not item.problems:
            yield ImportProblem.NO_DATE()
    elif item.published_on > today:
        yield ImportProblem.DATE_AHEAD(day=item.published_on)


def _link_problems(item: ImportedItem) -> Iterator[Problem]:
    for platform, url in item.published_at.items():
        if not url.startswith(("https://", "http://")):
            yield ImportProblem.NO_ADDRESS(platform=_shown(platform), value=_shown(url))
        elif not (is_sendable(url) and is_sendable(platform)):
            yield ImportProblem.UNSENDABLE_ADDRESS(platform=_shown(platform), value=_shown(url))


def _shown(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:100]


def _remarks(item: ImportedItem) -> Iterator[Problem]:
    if not item.pictures:
        yield ImportProblem.NO_PICTURE()
    for number, picture in enumerate(item.pictures, start=1):
        if not picture.alt_text.strip():
            yield ImportProblem.NO_ALT_TEXT(picture=number)
    if not item.credit and not all(picture.credit for picture in item.pictures):
        yield ImportProblem.NO_CREDIT()
