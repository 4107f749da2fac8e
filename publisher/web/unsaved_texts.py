"""Shows people what they typed into a post's form and did not save, also in other tabs and browsers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from publisher.db.models import Post
from publisher.db.staff import Autosave
from publisher.posts import autosaves
from publisher.web.field_labels import label_of, value_label
from publisher.web.form_changes import PLACE_FIELDS, differing_fields
from publisher.web.rendering import desk_of

MAX_MOMENT = 2**53
MAX_SHOWN = 600
"""Characters of each text that are shown beside the saved one."""


@dataclass(frozen=True, slots=True)
class ShownText:
    """Holds an unsaved text as a page lists it."""

    tab: str
    typed_at: int
    saved_at: datetime
    is_outdated: bool
    """Somebody saved the post since the form was opened."""
    differences: tuple[tuple[str, str, str], ...]
    """The label of each field that differs, the saved text and the typed one."""


def tab_of(fields: Mapping[str, str], name: str = "tab") -> str:
    """Returns the name of a tab that a form holds; empty: it came without a script."""
    text = fields.get(name, "")
    return text if re.fullmatch("[0-9a-f]{32}", text) else ""


def moment_of(fields: Mapping[str, str], name: str) -> int:
    """Returns a moment that a form holds, in milliseconds since 1970 by the browser's clock."""
    text = fields.get(name, "")
    return min(int(text), MAX_MOMENT) if re.fullmatch("[0-9]{1,16}", text) else 0


def unsaved_context(
    request: Request, post: Post, stored: Mapping[str, str], but_tabs: Collection[str] = ()
) -> list[ShownText]:
    """Returns what this person typed for a post and did not save, besides what these tabs show.

    `stored`: the fields of the stored post.
    """
    shown = (_shown(row, post, stored) for row in _rows(request, post) if row.tab not in but_tabs)
    return [text for text in shown if text.differences]


def find_unsaved_text(request: Request, post: Post, tab: str) -> Autosave | None:
    """Returns this person's unsaved text of a tab, or the newest one where no tab is named so."""
    rows = _rows(request, post)
    return next((row for row in rows if row.tab == tab), rows[0] if rows and not tab_of({"tab": tab}) else None)


def delete_saved_text(request: Request, post_id: int, fields: Mapping[str, str]) -> None:
    """Deletes the unsaved text of a form that was saved, and the one that it went on with."""
    tab = tab_of(fields)
    until = moment_of(fields, "typed_at") if tab else None
    person = request.state.session.person_id
    autosaves.delete_autosave(desk_of(request).database, post_id, person, tab=tab, typed_until=until)
    delete_continued_text(request, post_id, fields)


def delete_continued_text(request: Request, post_id: int, fields: Mapping[str, str]) -> None:
    """Deletes the unsaved text that a form went on with, unless more was typed into it since."""
    if "continues" in fields:
        tab, until = tab_of(fields, "continues"), moment_of(fields, "continues_at")
        person = request.state.session.person_id
        autosaves.delete_autosave(desk_of(request).database, post_id, person, tab=tab, typed_until=until)


def _rows(request: Request, post: Post) -> list[Autosave]:
    return list(autosaves.find_autosaves(desk_of(request).database, post.id, request.state.session.person_id))


def _shown(row: Autosave, post: Post, stored: Mapping[str, str]) -> ShownText:
    places = [name for name in sorted(PLACE_FIELDS) if stored.get(name, "") != row.fields.get(name, "")]
    names = [*differing_fields(stored, row.fields), *(places if "place" in row.fields else ())]
    texts = tuple(
        (str(label_of(name)), _excerpt(name, stored.get(name, "")), _excerpt(name, row.fields.get(name, "")))
        for name in names
    )
    return ShownText(row.tab, row.typed_at, row.saved_at, row.based_on != post.version, texts)


def _excerpt(name: str, text: str) -> str:
    if name.endswith("-media"):
        # The hash of a picture says nothing to people.
        return "▣" if text else ""
    shown = str(value_label(name, text))
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]} …"
