"""Manages webhooks, and shows what became of their messages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from publisher.core.encryption import SecretCipher
from publisher.core.messages import _
from publisher.db.webhooks import Webhook
from publisher.settings import SettingsError
from publisher.web.errors import NotFound
from publisher.web.field_types import Before, ChosenNames
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect
from publisher.web.slow_work import in_queue
from publisher.webhooks import EVENTS, WebhookError, hooks, outbox

router = APIRouter(prefix="/webhooks")

PAGE_SIZE = 50


@router.get("")
def webhooks(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **context: Any) -> Response:
    with desk_of(request).database.reading() as session:
        rows = hooks.list_webhooks(session)
    shared: dict[str, Any] = {"secret": "", "refused": "", "typed": {}}
    return page(
        request,
        "webhooks.html",
        status,
        hooks=rows,
        events=EVENTS,
        **{**shared, **context},
    )


@router.post("")
@in_queue(lambda work: work.network)
def add_webhook(
    request: Request,
    url: Annotated[str, Form(max_length=hooks.MAX_URL_LENGTH)],
    events: ChosenNames = None,
) -> Response:
    """Adds a webhook, and shows its secret once."""
    desk = desk_of(request)
    chosen = events or []
    try:
        added = hooks.add_webhook(
            desk,
            url,
            chosen,
            seal=SecretCipher.from_environment(),
            actor=actor_of(request),
        )
    except (WebhookError, SettingsError) as refusal:
        return _page(request, 422, refused=refusal.text, typed={"url": url, "events": chosen})
    return _page(request, secret=added.secret, added=added.id)


@router.get("/{hook_id}")
def webhook(request: Request, hook_id: int, before: Before = None) -> Response:
    """Shows what became of each message, the newest first."""
    hook = _load(request, hook_id)
    with desk_of(request).database.reading() as session:
        messages = outbox.list_messages(session, hook_id, before=before, most=PAGE_SIZE + 1)
    more = messages[PAGE_SIZE - 1][0].id if len(messages) > PAGE_SIZE else None
    return page(request, "webhook.html", hook=hook, messages=messages[:PAGE_SIZE], more=more, events=EVENTS)


@router.post("/{hook_id}/active")
def switch_webhook(request: Request, hook_id: int, active: Annotated[bool, Form()]) -> Response:
    desk = desk_of(request)
    _load(request, hook_id)
    hooks.set_webhook_active(desk.database, hook_id, active, now=desk.now(), actor=actor_of(request))
    sentence = (
        _("It is on: it gets messages of what happens from now on.")
        if active
        else _("It is off: it gets no more messages.")
    )
    flash(request, sentence, "good" if active else "note")
    return redirect(request, "webhook", hook_id=hook_id)


@router.post("/{hook_id}/remove")
def remove_webhook(request: Request, hook_id: int) -> Response:
    desk = desk_of(request)
    _load(request, hook_id)
    hooks.delete_webhook(desk.database, hook_id, now=desk.now(), actor=actor_of(request))
    flash(request, _("Removed, with its secret and its log."), "note")
    return redirect(request, "webhooks")


@router.post("/{hook_id}/messages/{message_id}/again")
def send_again(request: Request, hook_id: int, message_id: int) -> Response:
    desk = desk_of(request)
    if not outbox.send_again(desk.database, hook_id, message_id, desk.now()):
        raise NotFound(_("This message is not here any more."))
    flash(request, _("It is sent again in a moment, under the same id."))
    return redirect(request, "webhook", hook_id=hook_id)


def _load(request: Request, hook_id: int) -> Webhook:
    with desk_of(request).database.reading() as session:
        try:
            return hooks.load_webhook(session, hook_id)
        except WebhookError as error:
            raise NotFound(error.text) from None
