"""Lists imports, shows what a source would make, runs it, and takes an import back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from publisher.core.messages import Message, _
from publisher.core.post_limits import ADDRESS, MAX_ROW_NUMBER
from publisher.core.problems import Text
from publisher.intake.outcomes import OUTCOME_NAMES, PREVIEW_NAMES, Outcome
from publisher.intake.runs import ImportRequest
from publisher.intake.source_settings import SourceSettings, read_all_sources
from publisher.intake.undoing import ImportNotFound, UndoResult, list_imports, list_made, load_import
from publisher.posts.errors import PostError
from publisher.settings import SettingsError
from publisher.web.errors import NotFound, sentence_of
from publisher.web.import_jobs import ImportJobs, JobKind
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect, render
from publisher.web.slow_work import in_queue

router = APIRouter(prefix="/imports")

PAGE_SIZE = 50
STATES = {"running": _("not finished"), "finished": _("finished"), "undone": _("taken back")}
UNDO_NAMES: Mapping[str, Message] = {
    UndoResult.REMOVED: _("removed"),
    UndoResult.RESTORED: _("has its former text again"),
    UndoResult.KEPT: _("stays: somebody worked on it here"),
    UndoResult.CHANGED_LATER: _("stays: a later import changed it again; take that one back first"),
}
After = Annotated[int, Query(ge=0, le=MAX_ROW_NUMBER)]


@router.get("")
def imports(request: Request) -> Response:
    return _render_list(request)


@router.post("")
def begin_import(
    request: Request,
    source: Annotated[str, Form(max_length=200)] = "",
    address: Annotated[str, Form(max_length=2 * ADDRESS)] = "",
    act: Annotated[Literal["preview", "import"], Form()] = "preview",
) -> Response:
    """Begins to preview or import a source of the configuration, or what is at an address."""
    try:
        wanted = _wanted(request, source, address.strip(), preview=act == "preview")
        _jobs(request).begin_import(wanted)
    except (PostError, SettingsError) as refusal:
        return _render_list(request, 422, refused=sentence_of(refusal.text), typed=address, chosen=source)
    return redirect(request, "import_progress")


@router.get("/progress")
def import_progress(request: Request, part: Annotated[bool, Query()] = False) -> Response:
    """Shows how far the import is. `part`: only what changes, for the page's script."""
    job = _jobs(request).job
    if job is None:
        return redirect(request, "imports")
    outcomes = PREVIEW_NAMES if job.kind is JobKind.PREVIEW else OUTCOME_NAMES
    names: dict[str, Message] = {name.value: text for name, text in outcomes.items()}
    if job.kind is JobKind.UNDO:
        names = dict(UNDO_NAMES)
    context: dict[str, Any] = {"job": job, "names": names, "counts": job.counts.copy()}
    if part:
        return HTMLResponse(render(request, "import_job.html", **context))
    return page(request, "import_progress.html", page_scripts=["imports.js"], **context)


@router.post("/progress/stop")
def stop_import(request: Request) -> Response:
    job = _jobs(request).job
    if job is not None:
        job.stop()
    return redirect(request, "import_progress")


@router.get("/{import_id}")
def import_page(request: Request, import_id: int, after: After = 0) -> Response:
    """Shows the posts of an import, and asks before it is taken back."""
    return _render_import(request, import_id, after)


@router.post("/{import_id}/undo")
@in_queue(lambda work: work.network)
def undo_import(request: Request, import_id: int, sure: Annotated[Literal["", "yes"], Form()] = "") -> Response:
    if not sure:
        return _render_import(request, import_id, 0, 422, _("Nothing was taken back: tick the box first."))
    try:
        _jobs(request).begin_undo(import_id, actor_of(request))
    except ImportNotFound as error:
        raise NotFound(error.text) from None
    except PostError as refusal:
        return _render_import(request, import_id, 0, 422, sentence_of(refusal.text))
    flash(request, _("Taking the import back has begun."), "note")
    return redirect(request, "import_progress")


def _wanted(request: Request, source: str, address: str, *, preview: bool) -> ImportRequest:
    """Returns what a form asks for. Raises PostError where it names nothing that a page can import."""
    if source:
        known = _sources(request).get(source)
        if known is None:
            raise PostError(_("there is no source {source} with an address in config/sources.toml", source=source))
        return ImportRequest(known.address, actor_of(request), source, preview=preview)
    if not address.startswith(("https://", "http://")):
        raise PostError(_("choose a source, or write an address that begins with https://"))
    return ImportRequest(address, actor_of(request), preview=preview)


def _render_list(
    request: Request, status: int = 200, *, refused: Text = "", typed: str = "", chosen: str = ""
) -> Response:
    broken: Text = ""
    sources: dict[str, SourceSettings] = {}
    try:
        sources = _sources(request)
    except SettingsError as error:
        broken = sentence_of(error.text)
    with desk_of(request).database.reading() as session:
        runs = list_imports(session)
    context = {"sources": sources, "broken": broken, "refused": refused, "typed": typed, "chosen": chosen}
    job = _jobs(request).job
    return page(request, "imports.html", status, runs=runs, job=job, states=STATES, counted=_counted, **context)


def _render_import(request: Request, import_id: int, after: int, status: int = 200, refused: Text = "") -> Response:
    with desk_of(request).database.reading() as session:
        try:
            run = load_import(session, import_id)
        except ImportNotFound as error:
            raise NotFound(error.text) from None
        made = list_made(session, import_id, after, PAGE_SIZE + 1)
    more = made[PAGE_SIZE - 1][0].id if len(made) > PAGE_SIZE else None
    context = {"run": run, "made": made[:PAGE_SIZE], "more": more, "refused": refused}
    return page(request, "import.html", status, states=STATES, counted=_counted, **context)


def _counted(counts: dict[str, int]) -> list[Text]:
    """Returns how many items ended how, as sentences name it."""
    known = {**{outcome.value: OUTCOME_NAMES[outcome] for outcome in Outcome}, **UNDO_NAMES}
    return [
        _("{outcome}: {count:number}", outcome=known.get(name, name), count=count) for name, count in counts.items()
    ]


def _sources(request: Request) -> dict[str, SourceSettings]:
    """Returns the sources that have an address. Raises SettingsError."""
    sources = read_all_sources(desk_of(request).config.parent)
    return {name: source for name, source in sources.items() if source.address}


def _jobs(request: Request) -> ImportJobs:
    jobs: ImportJobs = request.app.state.import_jobs
    return jobs
