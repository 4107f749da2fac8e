"""Runs one import at a time in a thread of its own, and tells its pages how far it is.

What it has done is in the database. When the process ends before it, the same source goes on where it stopped.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from publisher.core.errors import UserError
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.core.problems import Text
from publisher.desk import Desk
from publisher.intake.importing import ImportPlaces
from publisher.intake.outcomes import NEEDS_A_PERSON, ItemOutcome, Outcome
from publisher.intake.runs import ImportRequest, open_import
from publisher.intake.undoing import STAYS, TakenBack, UndoResult, count_items, undo_import
from publisher.posts.errors import PostError
from publisher.schedule.slots import slot_day

MAX_ROWS = 1_000
"""So many items are kept to be shown; those that need a person come before others."""
STOPPED = _("It was stopped. What was made stays; the same source goes on where it stopped.")
STOPPED_PREVIEW = _("It was stopped. Nothing was written.")
STOPPED_UNDO = _("It was stopped. What was taken back stays so; take the import back again to go on with the rest.")
FAILED = _(
    "It stopped, because the program has a fault there; its log says where. The same source goes on where it stopped."
)


class JobKind(StrEnum):
    """Names what a job does."""

    PREVIEW = "preview"
    IMPORT = "import"
    UNDO = "undo"


STOPPED_BY_KIND = {JobKind.PREVIEW: STOPPED_PREVIEW, JobKind.IMPORT: STOPPED, JobKind.UNDO: STOPPED_UNDO}


class _Stopped(Exception):
    """Ends a job that somebody has stopped."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """Holds what became of one item, as a page shows it."""

    place: str
    title: str
    day: date | None
    outcome: Outcome | UndoResult
    post_id: int | None = None
    remarks: tuple[Text, ...] = ()

    @property
    def needs_a_person(self) -> bool:
        return self.outcome in NEEDS_A_PERSON or self.outcome in STAYS


@dataclass
class ImportJob:
    """Holds an import, a preview or an undo: how far it is, and what came of it."""

    kind: JobKind
    source: str
    """The address, or the number of the import that is taken back."""
    name: str
    """What the source is called; empty: nothing."""
    done: int = 0
    total: int | None = None
    """None: the source is being read."""
    is_running: bool = True
    refusal: Text | None = None
    """Why it ended early."""
    import_id: int | None = None
    counts: Counter[Outcome | UndoResult] = field(default_factory=Counter)
    hints: list[Message] = field(default_factory=list)
    _marked: list[JobRow] = field(default_factory=list)
    _plain: list[JobRow] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def rows(self) -> list[JobRow]:
        """Returns the items that are shown: first those that need a person, then those with a remark."""
        marked = sorted(self._marked, key=lambda row: not row.needs_a_person)
        return [*marked, *self._plain][:MAX_ROWS]

    @property
    def left_out(self) -> int:
        """Returns how many items are counted, and not shown."""
        return max(self.done - len(self.rows), 0)

    def add(self, row: JobRow) -> None:
        """Notes an item. Raises where somebody has stopped the job: nothing is half done between two items."""
        self.done += 1
        self.counts[row.outcome] += 1
        rows = self._marked if row.remarks or row.needs_a_person else self._plain
        if len(rows) < MAX_ROWS:
            rows.append(row)
        if self._stop.is_set():
            raise _Stopped

    def stop(self) -> None:
        """Lets the job end after the item that it works on."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Pauses between two requests; a stop ends the pause."""
        if self._stop.wait(seconds):
            raise _Stopped


class ImportJobs:
    """Runs the jobs of one process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self.job: ImportJob | None = None
        """The running one, else the last one."""

    def begin_import(self, request: ImportRequest) -> ImportJob:
        """Begins to import or preview a source. Raises PostError where another job runs."""
        kind = JobKind.PREVIEW if request.preview else JobKind.IMPORT
        return self._begin(ImportJob(kind, request.source, request.name), lambda job: self._import(job, request))

    def begin_undo(self, import_id: int, actor: str) -> ImportJob:
        """Begins to take an import back. Raises PostError where another job runs, or there is nothing to take back."""
        total = count_items(self._desk.database, import_id)
        job = ImportJob(JobKind.UNDO, str(import_id), "", total=total, import_id=import_id)
        return self._begin(job, lambda begun: self._undo(begun, import_id, actor))

    def _begin(self, job: ImportJob, act: Callable[[ImportJob], None]) -> ImportJob:
        with self._lock:
            if self.job is not None and self.job.is_running:
                raise PostError(_("another import runs; wait until it is finished, or stop it"))
            self.job = job
        threading.Thread(target=self._run, args=(job, act), name="import", daemon=True).start()
        return job

    def _run(self, job: ImportJob, act: Callable[[ImportJob], None]) -> None:
        try:
            act(job)
        except _Stopped:
            job.refusal = STOPPED_BY_KIND[job.kind]
        except UserError as refusal:
            job.refusal = refusal.text
        except Exception:
            get_logger("web").exception("an import failed", source=job.source)
            job.refusal = FAILED
        finally:
            job.is_running = False

    def _import(self, job: ImportJob, request: ImportRequest) -> None:
        desk = self._desk
        places = ImportPlaces(desk.database, desk.store, desk.clock, slot_day(desk.now(), desk.settings.outlet.zone))
        opened = open_import(desk.settings, places, request, job.wait)
        items = opened.read()
        job.total = len(items)
        for outcome in opened.importer.run(items):
            job.import_id = opened.importer.import_id
            job.add(_row(outcome))
        job.hints = list(opened.source.hints)
        opened.forget_pages()

    def _undo(self, job: ImportJob, import_id: int, actor: str) -> None:
        for item in undo_import(self._desk.database, import_id, now=self._desk.now(), actor=actor):
            job.add(_row_of_undo(item))


def _row(outcome: ItemOutcome) -> JobRow:
    item = outcome.item
    remarks: tuple[Text, ...] = (*outcome.problems, *item.hints)
    return JobRow(item.place, item.title, item.published_on, outcome.outcome, outcome.post_id, remarks)


def _row_of_undo(item: TakenBack) -> JobRow:
    post_id = item.post_id if item.result is not UndoResult.REMOVED else None
    return JobRow("", item.title, None, item.result, post_id)
