"""Lists, shows and exports deliveries, and lets people retry, adopt and cancel them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response, StreamingResponse

from publisher import retrying
from publisher.core.characters import make_visible, spreadsheet_cell
from publisher.core.content import AdaptedPost
from publisher.core.http_connections import STREAM_STATE
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.states import BY_HAND, WAITING, State
from publisher.db.models import STATES, Delivery
from publisher.delivery import act_results, operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.attempt_description import describe_attempt
from publisher.delivery.listing import DeliveryFilter, all_deliveries, find_deliveries, load_delivery_history
from publisher.delivery.row import COLUMNS, AttemptRow, EventRow
from publisher.desk import Desk
from publisher.web.change_streams import ChangeStreams
from publisher.web.errors import NotFound
from publisher.web.field_types import Before
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect
from publisher.web.sent_posts import request_texts, sent_images
from publisher.web.slow_work import in_queue
from publisher.web.spooled_response import SpooledResponse

router = APIRouter()

PAGE_SIZE = 50
TONES = {
    "published": "good",
    "held": "bad",
    "failed": "bad",
    "missed": "bad",
    "unconfirmed": "note",
}


@router.get("/deliveries")
def deliveries(
    request: Request,
    day: Annotated[str, Query(max_length=10)] = "",
    channel: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    before: Before = None,
) -> Response:
    desk = desk_of(request)
    delivery_filter = _filter_of(day, channel, state, text)
    with desk.database.reading() as session:
        rows = find_deliveries(session, delivery_filter, after=before, limit=PAGE_SIZE + 1)
    return page(
        request,
        "deliveries.html",
        rows=rows[:PAGE_SIZE],
        more=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
        filters={"day": day, "channel": channel, "state": state, "text": text},
        states=STATES,
        channels=desk.channels.names(),
        tones=TONES,
        waiting=WAITING,
    )


@router.get("/deliveries/export.{kind}")
@in_queue(lambda work: work.exports)
def export_deliveries(
    request: Request,
    kind: Literal["csv", "json"],
    day: Annotated[str, Query(max_length=10)] = "",
    channel: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Exports all deliveries of a filter. The file is written first, so that a slow reader holds no transaction."""
    desk = desk_of(request)
    delivery_filter = _filter_of(day, channel, state, text)
    content = _csv_lines(desk, delivery_filter) if kind == "csv" else _json_lines(desk, delivery_filter)
    return SpooledResponse(
        content,
        media_type="text/csv; charset=utf-8" if kind == "csv" else "application/json",
        headers={"content-disposition": f'attachment; filename="deliveries.{kind}"'},
    )


@router.get("/deliveries/changes")
async def delivery_changes(request: Request) -> Response:
    """Streams server-sent events that tell a page to load itself again."""
    streams: ChangeStreams = request.app.state.change_streams
    setattr(request.state, STREAM_STATE, True)
    messages = streams.listen(request.state.session, request.state.permissions)
    return StreamingResponse(messages, media_type="text/event-stream")


@router.get("/deliveries/{delivery_id}")
def delivery(request: Request, delivery_id: int) -> Response:
    return _delivery_page(request, delivery_id)


def _delivery_page(
    request: Request, delivery_id: int, *, refusal: Problem | Message | None = None, link: str = ""
) -> Response:
    """Shows one delivery; with the `refusal` of an adoption, and the `link` that was typed for it."""
    with desk_of(request).database.reading() as session:
        history = load_delivery_history(session, delivery_id)
        if history is None:
            raise NotFound(_("There is no delivery {delivery}.", delivery=delivery_id))
        adapted = AdaptedPost.model_validate(history.adapted)
        images = sent_images(session, adapted, request.app.state.recent_specs)
    row = history.row
    story: list[tuple[datetime, str, AttemptRow | EventRow]] = [
        (attempt.started_at, "attempt", attempt) for attempt in history.attempts
    ]
    story += [(event.at, "event", event) for event in history.events]
    return page(
        request,
        "delivery.html",
        409 if refusal else 200,
        row=row,
        pick=history.pick,
        refusal=refusal,
        link=link,
        adapted=adapted,
        texts=request_texts(adapted),
        images=images,
        # The event of an intent is recorded before its attempt, in the same instant.
        attempt_words=describe_attempt,
        story=sorted(story, key=lambda item: (item[0], item[1] == "attempt")),
        siblings=history.siblings,
        corrections=history.corrections,
        # The corrections of this delivery stand on the page, with their texts.
        correct_post_id=row.post_id if row.state == State.PUBLISHED else None,
        correction_states=[],
        tones=TONES,
        waiting=WAITING,
        by_hand=row.state in BY_HAND,
        can_cancel=row.state in operate.CANCELABLE,
        can_adopt=row.state in operate.ADOPTABLE,
    )


@router.post("/deliveries/{delivery_id}/retry")
def retry_delivery(request: Request, delivery_id: int, looked: Annotated[bool, Form()] = False) -> Response:
    desk = desk_of(request)
    retrying.retry(desk, delivery_id, actor=actor_of(request), i_have_looked=looked)
    waiting = act_results.find_retry_wait(desk.database, delivery_id, desk.now())
    flash(request, str(act_results.describe_retry(waiting)))
    return redirect(request, "delivery", delivery_id=delivery_id)


@router.post("/deliveries/{delivery_id}/adopt")
@in_queue(lambda work: work.network)
def adopt_delivery(
    request: Request,
    delivery_id: int,
    link: Annotated[str, Form(max_length=2000)],
    unread: Annotated[bool, Form()] = False,
) -> Response:
    desk = desk_of(request)
    adoption_request = AdoptionRequest(delivery_id, link, unread=unread)
    try:
        adoption = adopt(desk.database, desk.channels, adoption_request, now=desk.now(), actor=actor_of(request))
    except ActRefused as refusal:
        return _delivery_page(request, delivery_id, refusal=refusal.text, link=link)
    flash(
        request,
        str(act_results.describe_adoption(adoption)),
        "note" if adoption.differences or not adoption.was_read else "good",
    )
    return redirect(request, "delivery", delivery_id=delivery_id)


@router.post("/deliveries/{delivery_id}/cancel")
def cancel_delivery(request: Request, delivery_id: int) -> Response:
    desk = desk_of(request)
    may_be_public = operate.cancel(desk.database, delivery_id, now=desk.now(), actor=actor_of(request))
    with desk.database.reading() as session:
        platform = operate.platform_label(session.get_one(Delivery, delivery_id))
    canceled = act_results.describe_cancel(delivery_id, may_be_public=may_be_public, platform=platform)
    flash(request, str(canceled), "note")
    return redirect(request, "delivery", delivery_id=delivery_id)


def _filter_of(day: str, channel: str, state: str, text: str) -> DeliveryFilter:
    try:
        filter_day = date.fromisoformat(day) if day else None
    except ValueError:
        raise NotFound(_("{day} is not a day; write it like 2026-05-12.", day=day)) from None
    return DeliveryFilter(day=filter_day, channel=channel, states=(state,) if state else (), text=text.strip())


def _csv_lines(desk: Desk, delivery_filter: DeliveryFilter) -> Iterator[str]:
    buffer = io.StringIO()
    # Excel takes a file for one of its own country's old character set unless it begins with this mark.
    buffer.write("\ufeff")
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    with desk.database.reading() as session:
        for row in all_deliveries(session, delivery_filter):
            writer.writerow({name: _csv_value(value) for name, value in row.to_columns().items()})
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _csv_value(value: object) -> object:
    """Makes a value that a spreadsheet shows and never runs: a leading sign would begin a formula."""
    if isinstance(value, str):
        return spreadsheet_cell(make_visible(value, keep="\n\t"))
    return "" if value is None else value


def _json_lines(desk: Desk, delivery_filter: DeliveryFilter) -> Iterator[str]:
    separator = "[\n"
    with desk.database.reading() as session:
        for row in all_deliveries(session, delivery_filter):
            yield separator + json.dumps(row.to_json(), ensure_ascii=False)
            separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
