"""Watches sources: looks at them now and then, and makes a draft of each new item. A person decides about the rest.

What a source has when the watching begins is not new. An item is seen once, whatever becomes of its draft. Any number
of processes may watch: whoever moves the time of the next look makes that look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.errors import ErrorKind, UserError
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.core.text_digest import text_digest
from publisher.db.imports import ItemKey, SeenItem, WatchedSource
from publisher.db.models import Post
from publisher.intake.checking import check_item
from publisher.intake.fetched_pictures import PictureFetcher
from publisher.intake.importing import ImportPlaces, item_key
from publisher.intake.item_rows import have_one_host
from publisher.intake.items import ImportedItem
from publisher.intake.problem_codes import WatchProblem
from publisher.intake.source_settings import SourceSettings, read_all_sources
from publisher.intake.watched_pages import PageState, WatchedPage
from publisher.intake.web_fetching import FetchRules, SiteStopped, WebFetcher, seconds_until
from publisher.intake.web_request import FetchRefused
from publisher.posts.errors import MachineError, PostError
from publisher.posts.posts import add_post
from publisher.settings import Settings

LOOK_SECONDS = timedelta(minutes=15)
"""A look takes less; when its process dies, another one looks after so long."""
MAX_PAUSE = timedelta(days=1)
LONG = timedelta(days=1)
"""Somebody is told of a source that has failed for so long."""
MAX_NEW_ITEMS = 100
"""Of one source in `DRAFT_DAY`."""
DRAFT_DAY = timedelta(days=1)
SOURCE_PREFIX = "source:"
"""Begins the name of who made a draft, before that of the source."""


class WatchFails(UserError):
    """Says that sources have failed for long; the text is a `WatchProblem` of the first of them."""

    code = "watched-source-fails"
    kind = ErrorKind.DEPENDENCY


@dataclass(frozen=True, slots=True)
class _NewItem:
    item: ImportedItem
    key: str


class Watcher:
    """Looks at the sources whose time has come."""

    def __init__(self, settings: Settings, places: ImportPlaces) -> None:
        self._settings, self._places = settings, places

    def look(self) -> int:
        """Looks at each source that is due, and returns how many drafts were made.

        Raises:
            SettingsError: `config/sources.toml` can't be used.
            WatchFails: a source has brought nothing for long.
        """
        sources = {
            name: source for name, source in read_all_sources(self._settings.file.parent).items() if source.watch
        }
        made = sum(self._look_contained(name, source) for name, source in sources.items() if self._claim(name, source))
        self._tell_of_failures(list(sources))
        return made

    def _claim(self, name: str, source: SourceSettings) -> bool:
        """Takes the next look at a source, when it is due and nobody else has taken it."""
        database, now = self._places.database, self._places.clock.now()
        with database.reading() as session:
            known = session.get(WatchedSource, name)
        if known is not None and known.address == source.address:
            if known.next_check_at > now:
                return False
            taken = update(WatchedSource).where(
                WatchedSource.name == name, WatchedSource.next_check_at == known.next_check_at
            )
            with database.writing() as session:
                result = session.execute(taken.values(next_check_at=now + LOOK_SECONDS))
                return cast("CursorResult[Any]", result).rowcount == 1
        try:
            with database.writing() as session:
                if known is not None:
                    session.delete(session.get_one(WatchedSource, name))
                    session.flush()
                session.add(WatchedSource(name=name, address=source.address, next_check_at=now + LOOK_SECONDS))
        except IntegrityError:
            return False
        return True

    def _look_contained(self, name: str, source: SourceSettings) -> int:
        """Looks at a source. A fault of the program there keeps no other source from its look."""
        try:
            return self._look_at(name, source)
        except MachineError:
            raise
        except Exception:
            get_logger("intake").exception("a look at a watched source failed", source=name)
            self._record(name, source, PageState(), WatchProblem.FAULT(), timedelta(0))
            return 0

    def _look_at(self, name: str, source: SourceSettings) -> int:
        with self._places.database.reading() as session:
            known = session.get_one(WatchedSource, name)
        look = _Look(self._places, name, source, self._rules(source))
        made = 0
        state = PageState(known.etag, known.last_modified)
        problem: Problem | None = None
        pause = timedelta(0)
        try:
            made, state, problem = look.take(state, is_first=known.read_at is None)
        except FetchRefused as refusal:
            problem = refusal.problem
            pause = timedelta(seconds=seconds_until(refusal.retry_after, self._places.clock.now()))
        except MachineError:
            raise
        except PostError as error:
            problem = error.text if isinstance(error.text, Problem) else WatchProblem.UNREADABLE_SOURCE(why=error.text)
        self._record(name, source, state, problem, pause)
        if made:
            get_logger("intake").info("made drafts of new items of a watched source", source=name, drafts=made)
        return made

    def _rules(self, source: SourceSettings) -> FetchRules:
        contact = self._settings.site.address
        return FetchRules(private=source.private_network, interval=source.interval, tries=1, contact=contact)

    def _record(
        self, name: str, source: SourceSettings, state: PageState, problem: Problem | None, pause: timedelta
    ) -> None:
        """Records how a look went, and when the next one is."""
        now, every = self._places.clock.now(), timedelta(minutes=source.every)
        with self._places.database.writing() as session:
            row = session.get(WatchedSource, name)
            if row is None or row.address != source.address:
                return  # Another process looks at its new address already.
            row.problem = problem
            if problem is None:
                row.failures, row.failing_since, row.read_at = 0, None, now
                row.etag, row.last_modified = state.etag, state.last_modified
                row.next_check_at = now + every
                return
            row.failures += 1
            row.failing_since = row.failing_since or now
            row.next_check_at = now + min(max(every * 2 ** min(row.failures - 1, 10), pause), max(MAX_PAUSE, every))
            log = get_logger("intake")
            log.warning("a watched source can't be read", source=name, failures=row.failures, why=str(problem))

    def _tell_of_failures(self, names: Sequence[str]) -> None:
        late = self._places.clock.now() - LONG
        failing = select(WatchedSource).where(WatchedSource.name.in_(names), WatchedSource.failing_since <= late)
        with self._places.database.reading() as session:
            row = session.scalars(failing.order_by(WatchedSource.failing_since)).first()
        if row is not None:
            raise WatchFails(WatchProblem.FAILS_LONG(source=row.name, since=row.failing_since, why=row.problem))


class _Look:
    """Reads one source once."""

    def __init__(self, places: ImportPlaces, name: str, source: SourceSettings, rules: FetchRules) -> None:
        self._places, self._name, self._source = places, name, source
        self._fetcher = WebFetcher(rules)
        self._pictures = PictureFetcher(self._fetcher)

    def take(self, state: PageState, *, is_first: bool) -> tuple[int, PageState, Problem | None]:
        """Makes drafts of what is new. Returns their number, what the server says of the page, and what went wrong.

        Raises:
            PostError: the source can't be read.
        """
        page = WatchedPage(self._source, self._fetcher)
        new = self._new(page.read(state))
        if is_first:
            for item in new:
                self._store_seen(item.key)
            return 0, page.state, None
        if len(new) + (self._count_recent() if new else 0) > MAX_NEW_ITEMS:
            return 0, state, WatchProblem.TOO_MANY(count=len(new))
        problem = None
        made = 0
        for item in new:
            try:
                failed = self._make(item)
            except SiteStopped as stop:
                return made, state, stop.text if isinstance(stop.text, Problem) else None
            made += failed is None
            problem = problem or failed
        # An item that failed is looked at again, also where the page stays as it is.
        return made, page.state if problem is None else PageState(), problem

    def _new(self, items: Sequence[ImportedItem]) -> list[_NewItem]:
        """Returns the items that were never seen, the oldest first, as a feed has its newest first.

        One that an import knows is seen from now on, also where that import is taken back.
        """
        keys: dict[str, ImportedItem] = {}
        for item in items:
            keys.setdefault(item_key(self._name, item.key), item)
        with self._places.database.reading() as session:
            own = select(SeenItem.key).where(SeenItem.source == self._name, SeenItem.key.in_(keys))
            seen = set(session.scalars(own))
            known = set(session.scalars(select(ItemKey.key).where(ItemKey.key.in_(keys)))) - seen
            others = select(SeenItem.key, WatchedSource.address).join(
                WatchedSource, WatchedSource.name == SeenItem.source
            )
            others = others.where(SeenItem.source != self._name, SeenItem.key.in_(keys), SeenItem.post_id.is_not(None))
            known |= {key for key, address in session.execute(others) if _is_on_host_of(keys[key], address)} - seen
            made = select(Post.text_digest).join(SeenItem, SeenItem.post_id == Post.id)
            texts = set(session.scalars(made.where(Post.text_digest.is_not(None))))
        known |= {key for key, item in keys.items() if key not in seen and self._text_of(item) in texts}
        for key in known:
            self._store_seen(key)
        fresh = [_NewItem(item, key) for key, item in reversed(keys.items()) if key not in seen | known]
        return sorted(fresh, key=lambda new: new.item.published_on or date.max)

    def _text_of(self, item: ImportedItem) -> str | None:
        draft = check_item(self._as_draft(item), self._places.today).draft
        return None if draft is None else text_digest(draft.title, draft.standfirst, draft.body)

    def _as_draft(self, item: ImportedItem) -> ImportedItem:
        """Returns an item as its draft has it: with the day of the look, where it has none or one ahead."""
        today = self._places.today
        link = item.link or next(iter(item.published_at.values()), "")
        return replace(item, published_on=min(item.published_on or today, today), link=link)

    def _make(self, new: _NewItem) -> Problem | None:
        """Makes the draft of an item, or returns why it can't."""
        item = self._as_draft(new.item)
        with self._pictures.files_of(item) as fetched:
            checked = check_item(fetched, self._places.today)
            if checked.draft is None:
                return WatchProblem.ITEM_UNUSABLE(title=item.title or item.key, why=list(checked.problems))

            def note_seen(session: Session, post: Post, _warnings: Sequence[Problem]) -> None:
                session.add(self._seen(new.key, post.id))
                session.flush()

            now, actor = self._places.clock.now(), f"{SOURCE_PREFIX}{self._name}"
            try:
                add_post(self._places.database, self._places.store, checked.draft, now, actor, also_write=note_seen)
            except MachineError:
                raise
            except PostError as error:
                return WatchProblem.ITEM_UNUSABLE(title=item.title or item.key, why=[error.text])
            except IntegrityError:
                return None  # Another process has just made it.
        return None

    def _count_recent(self) -> int:
        """Counts the drafts of this source that were made in the last day."""
        recent = (
            select(func.count())
            .select_from(SeenItem)
            .where(
                SeenItem.source == self._name,
                SeenItem.post_id.is_not(None),
                SeenItem.seen_at > self._places.clock.now() - DRAFT_DAY,
            )
        )
        with self._places.database.reading() as session:
            return session.scalar(recent) or 0

    def _store_seen(self, key: str) -> None:
        try:
            with self._places.database.writing() as session:
                session.add(self._seen(key, None))
        except IntegrityError:
            return  # It has been seen.

    def _seen(self, key: str, post_id: int | None) -> SeenItem:
        return SeenItem(source=self._name, key=key, post_id=post_id, seen_at=self._places.clock.now())


def _is_on_host_of(item: ImportedItem, address: str) -> bool:
    """Decides whether an item is at the host of a source; only there can the source speak for it."""
    return any(have_one_host(one, address) for one in (item.key, *item.published_at.values()))
