"""Remembers what the lists of the site show of every public post, and reads again only what has changed."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from publisher.adapt.text.fields import clean_post
from publisher.adapt.text.markdown import plain_words
from publisher.core.content import SourcePost
from publisher.db.event_cache import CachedValue
from publisher.posts.public_posts import PublicPost, PublicPosts
from publisher.site.pictures import first_thumbnail
from publisher.site.post_views import Tag, languages_of, source_in, tag_of, tags_of

BATCH = 200
"""Posts that are read at once, so that not all of them are in memory with their whole texts."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """Names the file of a small picture. How it is made, the post tells."""

    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class EntryText:
    """Holds what a list says of a post in one language."""

    language: str
    title: str
    standfirst: str
    tags: tuple[Tag, ...]
    thumbnail: Thumbnail | None
    """Its file holds the alt text, so that each language has its own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds what lists show of a post."""

    id: int
    version: int
    days: tuple[date, ...]
    texts: Mapping[str, EntryText]
    """By language, its own first."""
    written_by: Tag | None

    @property
    def day(self) -> date:
        return self.days[0]

    @property
    def language(self) -> str:
        """Returns the language in which it was written."""
        return next(iter(self.texts))

    def text(self, language: str) -> EntryText:
        """Returns its texts in a language, else in its own."""
        return self.texts.get(language) or self.texts[self.language]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Holds the entries of all public posts at one moment."""

    entries: Mapping[int, Entry] = field(default_factory=dict)
    by_day: Mapping[date, tuple[int, ...]] = field(default_factory=dict)
    """The posts of each day that has one."""
    days: tuple[date, ...] = ()
    """In their order."""

    def around(self, day: date) -> tuple[date | None, date | None]:
        """Returns the nearest days with a post before and after a day."""
        before, after = bisect_left(self.days, day) - 1, bisect_right(self.days, day)
        return self.days[before] if before >= 0 else None, self.days[after] if after < len(self.days) else None

    def last_shown(self, count: int) -> list[int]:
        """Returns the posts that were shown last, the newest first, each once."""
        shown = (post_id for day in reversed(self.days) for post_id in reversed(self.by_day[day]))
        posts: dict[int, None] = {}
        for post_id in shown:
            if len(posts) == count:
                break
            posts[post_id] = None
        return list(posts)

    def newest_first(self) -> list[Entry]:
        """Lists each post once, by the day on which it was shown first."""
        return sorted(self.entries.values(), key=lambda entry: (entry.day, entry.id), reverse=True)

    def of_month(self, year: int, month: int) -> list[tuple[date, Entry]]:
        days = (day for day in self.by_day if (day.year, day.month) == (year, month))
        return [(day, self.entries[post_id]) for day in days for post_id in self.by_day[day]]

    def years(self) -> dict[int, dict[int, int]]:
        """Returns how many days with a post each month of each year has, the newest year first."""
        counts: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for day in self.by_day:
            counts[day.year][day.month] += 1
        return {year: dict(counts[year]) for year in sorted(counts, reverse=True)}

    def tags(self, language: str) -> dict[str, tuple[str, int]]:
        """Returns label and number of posts of each tag by its slug, the most frequent first."""
        return _counted(tag for entry in self.entries.values() for tag in entry.text(language).tags)

    def people(self) -> dict[str, tuple[str, int]]:
        """Returns name and number of posts of each writer by the name's slug, the most frequent first."""
        return _counted(entry.written_by for entry in self.entries.values() if entry.written_by)

    def tagged(self, slug: str, language: str) -> list[Entry]:
        return [entry for entry in self.newest_first() if any(tag.slug == slug for tag in entry.text(language).tags)]

    def written_by(self, slug: str) -> list[Entry]:
        return [entry for entry in self.newest_first() if entry.written_by and entry.written_by.slug == slug]


def _counted(tags: Iterable[Tag]) -> dict[str, tuple[str, int]]:
    counts: dict[str, int] = defaultdict(int)
    labels: dict[str, str] = {}
    for tag in tags:
        counts[tag.slug] += 1
        labels.setdefault(tag.slug, tag.label)
    return {slug: (labels[slug], counts[slug]) for slug in sorted(counts, key=lambda slug: (-counts[slug], slug))}


class CatalogueCache:
    """Keeps the catalogue of a site. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: CachedValue[Catalogue] = CachedValue()
        self._catalogue = Catalogue()
        self._versions: list[tuple[int, int, date]] = []

    def read(self, session: Session, public: PublicPosts, now: datetime) -> Catalogue:
        """Returns the catalogue as the database is, until something is recorded in the desk, or for some seconds."""
        return self._present.get(session, now, lambda: self._compare(session, public))

    def _compare(self, session: Session, public: PublicPosts) -> Catalogue:
        with self._lock:
            versions = public.versions()
            if versions != self._versions:
                self._catalogue = self._refresh(session, public, versions)
                self._versions = versions
            return self._catalogue

    def _refresh(self, session: Session, public: PublicPosts, versions: Sequence[tuple[int, int, date]]) -> Catalogue:
        days: dict[int, list[date]] = defaultdict(list)
        by_day: dict[date, list[int]] = defaultdict(list)
        for post_id, _version, day in versions:
            days[post_id].append(day)
            by_day[day].append(post_id)
        entries: dict[int, Entry] = {}
        changed = []
        for post_id, version in {row[0]: row[1] for row in versions}.items():
            known = self._catalogue.entries.get(post_id)
            if known is not None and known.version == version:
                entries[post_id] = replace(known, days=tuple(days[post_id]))
            else:
                changed.append(post_id)
        for start in range(0, len(changed), BATCH):
            entries |= {post.id: _entry(post) for post in public.read(changed[start : start + BATCH])}
            session.expunge_all()
        shown = {day: tuple(post_id for post_id in ids if post_id in entries) for day, ids in by_day.items()}
        shown = {day: ids for day, ids in shown.items() if ids}
        return Catalogue(entries, shown, tuple(shown))


def _entry(public: PublicPost) -> Entry:
    sources = {language: _listed_source(public, language) for language in languages_of(public.content)}
    texts = {language: _text(public.id, language, source) for language, source in sources.items()}
    written_by = sources[public.content.language].written_by
    return Entry(public.id, public.version, public.days, texts, tag_of(plain_words(written_by)))


def _listed_source(public: PublicPost, language: str) -> SourcePost:
    """Returns what lists show of a post, cleaned. What they don't show takes most of the time."""
    source = source_in(public.content, language)
    cleaned, _too_long = clean_post(source.model_copy(update={"body": "", "captions": {}, "links": ()}))
    return cleaned


def _text(post_id: int, language: str, source: SourcePost) -> EntryText:
    copy = first_thumbnail(post_id, source)
    thumbnail = Thumbnail(copy.name, copy.width, copy.height) if copy else None
    return EntryText(language, plain_words(source.title), plain_words(source.standfirst), tags_of(source), thumbnail)
