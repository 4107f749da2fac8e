"""Makes posts of what was published before: once for each item of a source, however often the source is read.

Each item is one transaction: a post with its picture, its links and the key of the item. An import that was killed goes
on where it stopped when the same source is read again, and has the same rows at its end.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from publisher import lifecycle
from publisher.adapt.images.inspection import ImageFacts
from publisher.core.clock import Clock
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.db.imports import Import, ItemKey, SeenItem
from publisher.db.session import Database
from publisher.intake.checking import CheckedItem, check_item
from publisher.intake.exported_posts import exported_key
from publisher.intake.fetched_pictures import PictureFetcher
from publisher.intake.item_rows import ItemBefore, have_one_host, is_of_source, require_running, store_links
from publisher.intake.items import MAX_ITEMS, ImportedItem, ItemSource
from publisher.intake.outcomes import ItemOutcome, Outcome
from publisher.intake.problem_codes import ImportProblem
from publisher.intake.shown_posts import ShownPost, ShownPosts
from publisher.media import MediaStore
from publisher.posts.drafts import PostDraft
from publisher.posts.errors import MachineError, PostError, unreadable_file
from publisher.posts.pictures import inspect_pictures, store_inspected
from publisher.posts.post_store import load_post
from publisher.posts.published_elsewhere import PublishedPost, add_published, is_as_imported, update_published


@dataclass(frozen=True, slots=True)
class ImportPlaces:
    """Holds where an import writes to."""

    database: Database
    store: MediaStore
    clock: Clock
    today: date
    """The outlet's day; nothing was published later."""
    pictures: PictureFetcher | None = None
    """Fetches those that are no files. None: all of them are."""


class Importer:
    """Reads a source and makes its posts; as a preview it says what would be made, and writes nothing."""

    def __init__(
        self, places: ImportPlaces, source: ItemSource, name: str, actor: str, *, preview: bool = False
    ) -> None:
        """`name`: names the source in the keys of its items, the same at every reading."""
        self._places, self._source, self._name, self._actor = places, source, name, actor
        self.preview = preview
        self.import_id: int | None = None
        self.counts: Counter[Outcome] = Counter()
        self._seen: dict[str, str] = {}
        with places.database.reading() as session:
            self._shown = ShownPosts(session)

    def read(self) -> list[ImportedItem]:
        """Reads the whole source, in the order of the days. Raises PostError where it can't be read."""
        items = []
        for item in self._source.items():
            items.append(item)
            if len(items) > MAX_ITEMS:
                raise PostError(
                    _(
                        "{source} has more than {number:number} items; split it",
                        source=self._source.name,
                        number=MAX_ITEMS,
                    )
                )
        return sorted(items, key=lambda item: item.published_on or date.max)

    def run(self, items: Sequence[ImportedItem]) -> Generator[ItemOutcome, None, None]:
        """Makes the posts of the items, and yields what became of each.

        Raises:
            PostError: this machine can't do it now. What was made stays, and the same import goes on with the rest.
        """
        if not self.preview:
            self.import_id = self._begin()
        for item in items:
            outcome = self._process(item)
            self.counts[outcome.outcome] += 1
            yield outcome
        if not self.preview:
            self._finish()

    def _begin(self) -> int:
        """Goes on with the unfinished import of this source, or begins one."""
        key = self._source_key
        with self._places.database.writing() as session:
            unfinished = select(Import.id).where(Import.source_key == key, Import.state == "running")
            if (found := session.scalar(unfinished)) is not None:
                return found
            source = self._source.name.encode("utf-8", "replace").decode()
            run = Import(source=source, source_key=key, actor=self._actor[:120], started_at=self._places.clock.now())
            session.add(run)
            session.flush()
            return run.id

    @property
    def _source_key(self) -> str:
        return hashlib.sha256(self._name.encode("utf-8", "surrogateescape")).hexdigest()

    def _finish(self) -> None:
        now = self._places.clock.now()
        with self._places.database.writing() as session:
            run = session.get_one(Import, self.import_id)
            if run.state != "running":
                return
            run.state, run.finished_at = "finished", now
            run.counts = {outcome.value: self.counts[outcome] for outcome in Outcome if self.counts[outcome]}
            detail = {"import": run.id, "source": run.source, **run.counts}
            lifecycle.record_event(session, "posts imported", now=now, actor=self._actor, detail=detail)

    def _process(self, item: ImportedItem) -> ItemOutcome:
        checked = check_item(item, self._places.today)
        if checked.draft is None:
            return ItemOutcome(item, Outcome.WRONG, problems=checked.problems)
        key = item_key(self._name, item.key)
        if key in self._seen:
            return ItemOutcome(item, Outcome.WRONG, problems=(ImportProblem.SAME_KEY(other=self._seen[key]),))
        self._seen[key] = item.place
        try:
            digest = item.digest()
        except OSError as error:
            return _unusable(item, unreadable_file(item.place, error), is_machine=reading_problem(error) is not None)
        with self._places.database.reading() as session:
            known = session.scalar(select(ItemKey).where(ItemKey.key == key))
            draft = select(SeenItem.post_id).where(SeenItem.key == key, SeenItem.post_id.is_not(None)).limit(1)
            draft_id = session.scalar(draft) if known is None else None
        if draft_id is not None:
            return ItemOutcome(item, Outcome.SAME, draft_id, (ImportProblem.IS_DRAFT(post=draft_id),))
        if known is not None and known.digest == digest:
            return self._without_change(checked, known)
        if item.is_fetched or self._places.pictures is None:
            return self._with_pictures(checked, key, digest, known)
        with self._places.pictures.files_of(item) as fetched:
            checked = check_item(fetched, self._places.today)
            if checked.draft is None:
                return ItemOutcome(item, Outcome.WRONG, problems=checked.problems)
            return self._with_pictures(checked, key, digest, known)

    def _without_change(self, checked: CheckedItem, known: ItemKey) -> ItemOutcome:
        """Returns the outcome of an item that the desk has; one that this import made before it was killed counts."""
        outcome = Outcome.UNCHANGED
        if known.updated_by is not None and known.updated_by == self.import_id:
            outcome = Outcome.UPDATED
        elif known.import_id == self.import_id:
            outcome = Outcome.MADE if known.made_post else Outcome.SAME
        return ItemOutcome(checked.item, outcome, known.post_id)

    def _with_pictures(self, checked: CheckedItem, key: str, digest: str, known: ItemKey | None) -> ItemOutcome:
        item, draft = checked.item, _draft_of(checked)
        try:
            facts = inspect_pictures(draft.images)
        except MachineError:
            raise
        except PostError as error:
            return _unusable(item, error)
        if known is not None:
            return self._update(checked, facts, digest, known)
        day = _day_of(item)
        if exported_key(item.key) is not None:
            # An export tells its posts apart by their keys; two of them may look the same.
            same = self._shown.find_exported(item.key, day)
        else:
            same = self._shown.find_same(draft, day, [fact.phash if fact else None for fact in facts])
        if same is not None:
            return self._link_to(checked, same, key, digest)
        remarks = (*checked.remarks, *self._look_alikes(facts))
        if self.preview:
            outcome = ItemOutcome(item, Outcome.MADE, problems=remarks)
            self._remember(None, draft, day, facts)
            return outcome
        try:
            post_id = self._make(draft, facts, item, ItemKey(key=key, digest=digest))
        except IntegrityError:
            # Another import of the same source has just made it.
            return self._made_meanwhile(item, key)
        self._remember(post_id, draft, day, facts)
        return ItemOutcome(item, Outcome.MADE, post_id, remarks)

    def _remember(self, post_id: int | None, draft: PostDraft, day: date, facts: Sequence[ImageFacts | None]) -> None:
        hashes = [fact.phash for fact in facts if fact and fact.phash]
        self._shown.add(ShownPost(post_id, draft.title, day, is_from_elsewhere=True), draft, hashes)

    def _make(self, draft: PostDraft, facts: Sequence[ImageFacts | None], item: ImportedItem, identity: ItemKey) -> int:
        pictures = store_inspected(self._places.store, draft.images, facts)
        published = PublishedPost(draft, pictures, _day_of(item))
        with self._places.database.writing() as session:
            require_running(session, self._running_import)
            post = add_published(session, published, now=self._places.clock.now(), actor=self._edited_by)
            identity.import_id, identity.post_id, identity.made_post = self._running_import, post.id, True
            identity.post_version = post.version
            store_links(session, identity, item.published_at)
            return post.id

    def _made_meanwhile(self, item: ImportedItem, key: str) -> ItemOutcome:
        with self._places.database.reading() as session:
            made = session.scalars(select(ItemKey).where(ItemKey.key == key)).one()
        return ItemOutcome(item, Outcome.UNCHANGED, made.post_id)

    def _link_to(self, checked: CheckedItem, same: ShownPost, key: str, digest: str) -> ItemOutcome:
        """Notes that an item is a post of the desk. One that this desk published has its links already."""
        item = checked.item
        if same.id is None:
            return ItemOutcome(item, Outcome.SAME, problems=(ImportProblem.IS_ITEM(title=same.title, day=same.day),))
        gets_links = bool(item.published_at) and same.is_from_elsewhere
        code = ImportProblem.IS_POST_GOT_LINKS if gets_links else ImportProblem.IS_POST
        outcome = ItemOutcome(item, Outcome.SAME, same.id, (code(post=same.id, title=same.title, day=same.day),))
        if self.preview:
            return outcome
        with self._places.database.writing() as session:
            require_running(session, self._running_import)
            post = load_post(session, same.id)
            identity = ItemKey(
                import_id=self._running_import, key=key, digest=digest, post_id=post.id, made_post=False,
                post_version=post.version,
            )  # fmt: skip
            if gets_links:
                store_links(session, identity, item.published_at)
            else:
                session.add(identity)
        return outcome

    def _update(
        self, checked: CheckedItem, facts: Sequence[ImageFacts | None], digest: str, known: ItemKey
    ) -> ItemOutcome:
        """Brings a change of the source to its post, unless that was edited here."""
        item, draft = checked.item, _draft_of(checked)
        pictures = () if self.preview else store_inspected(self._places.store, draft.images, facts)
        with self._places.database.writing() as session:
            post = load_post(session, known.post_id)
            if known.made_post and not is_as_imported(session, post, known.post_version):
                kept = ImportProblem.CHANGED_ON_BOTH_SIDES(post=post.id, title=post.title)
                return ItemOutcome(item, Outcome.KEPT, post.id, (kept,))
            if not is_of_source(session, known, self._source_key) and not self._is_own_item(item):
                kept = ImportProblem.FROM_ANOTHER_SOURCE(post=post.id, title=post.title)
                return ItemOutcome(item, Outcome.KEPT, post.id, (kept,))
            if not self.preview:
                require_running(session, self._running_import)
                identity = session.get_one(ItemKey, known.id)
                before = ItemBefore.of(session, identity, post, self._running_import)
                if identity.made_post:
                    published = PublishedPost(draft, pictures, _day_of(item))
                    now = self._places.clock.now()
                    update_published(session, post, published, now=now, actor=self._edited_by)
                    identity.post_version = post.version
                identity.digest, identity.updated_by = digest, self.import_id
                before.store(session, identity)
                store_links(session, identity, item.published_at)
            return ItemOutcome(item, Outcome.UPDATED, post.id, checked.remarks)

    def _is_own_item(self, item: ImportedItem) -> bool:
        """Decides whether a source can speak for an item that another brought: at its own host, or as an export."""
        return exported_key(item.key) is not None or have_one_host(item.key, self._source.name)

    def _look_alikes(self, facts: Sequence[ImageFacts | None]) -> Iterator[Problem]:
        for number, fact in enumerate(facts, start=1):
            for post in self._shown.look_alikes(fact.phash if fact else None):
                values = {"picture": number, "title": post.title, "day": post.day}
                known = post.id is not None
                yield (
                    ImportProblem.LOOKS_LIKE(post=post.id, **values)
                    if known
                    else ImportProblem.LOOKS_LIKE_ITEM(**values)
                )

    @property
    def _running_import(self) -> int:
        if self.import_id is None:
            raise RuntimeError("a preview has no import, and writes nothing")
        return self.import_id

    @property
    def _edited_by(self) -> str:
        return f"import {self.import_id}"


def item_key(source: str, key: str) -> str:
    """Identifies an item. An address is the same item in whichever source it stands; another key belongs to its own.

    An item that a desk has exported keeps the key under which that desk knows it.
    """
    if (exported := exported_key(key)) is not None:
        return exported
    is_address = key.startswith(("http://", "https://", "tag:", "urn:"))
    whole = key if is_address else f"{source}\n{key}"
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _unusable(item: ImportedItem, error: PostError, *, is_machine: bool = False) -> ItemOutcome:
    if is_machine:
        raise error
    return ItemOutcome(item, Outcome.WRONG, problems=(ImportProblem.UNREADABLE(why=error.text),))


def _draft_of(checked: CheckedItem) -> PostDraft:
    if checked.draft is None:
        raise RuntimeError("an item with problems makes no post")
    return checked.draft


def _day_of(item: ImportedItem) -> date:
    if item.published_on is None:
        raise RuntimeError("an item without a date makes no post")
    return item.published_on
