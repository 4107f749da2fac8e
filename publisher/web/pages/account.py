"""Shows a person their account: password, second factor, where they are logged in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from publisher.alerts.personal_addresses import CHAT_SERVICES, ChatAddressRefused, chat_names, read_mail_url, set_chats
from publisher.collaboration.descriptions import KIND_NAMES
from publisher.collaboration.notifications import set_ways, ways_of
from publisher.core.date_format import native_name
from publisher.core.encryption import SecretCipher
from publisher.core.errors import SettingsError
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.translations import desk_languages
from publisher.db.staff import Notification, NotificationKind, NotificationWay, Person, WebSession
from publisher.desk import Desk
from publisher.staff import second_factor
from publisher.staff.accounts import end_sessions, set_language
from publisher.staff.browsers import forget_browsers
from publisher.staff.guesses import WRONG_CODE, LoginRefused, failed_tries
from publisher.staff.logins import change_own_password
from publisher.staff.passwords import WeakPassword
from publisher.web.errors import PageError
from publisher.web.field_types import ChosenNames
from publisher.web.guard import renew_tokens, tokens_of
from publisher.web.rendering import desk_of, flash, page, redirect
from publisher.web.slow_work import in_queue

router = APIRouter(prefix="/account")

Password = Annotated[str, Form(max_length=1024)]


@router.get("")
def account(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **mistakes: Message | Problem) -> Response:
    desk = desk_of(request)
    me: Person = request.state.session.person
    with desk.database.reading() as session:
        query = select(WebSession).where(WebSession.person_id == me.id).order_by(WebSession.seen_at.desc())
        browsers = list(session.scalars(query))
        tries = [(event, event.name == WRONG_CODE) for event in failed_tries(session, me, desk.now())]
    secret = second_factor.new_secret()
    picture = "" if me.totp_secret else second_factor.draw_qr_code(secret, me.email, desk.settings.outlet.name)
    return page(
        request,
        "account.html",
        status,
        browsers=browsers,
        tries=tries,
        this_browser=request.state.session.token_hash,
        secret=secret,
        picture=picture,
        mistakes=mistakes,
        **_notification_context(desk, me),
        languages=[(language, native_name(language)) for language in desk_languages()],
    )


def _notification_context(desk: Desk, me: Person) -> dict[str, Any]:
    """Returns the context of the settings of notifications."""
    try:
        mail, chats, trouble = read_mail_url() is not None, chat_names(me), None
    except SettingsError as error:
        mail, chats, trouble = False, [], error.text
    with desk.database.reading() as session:
        failed = select(Notification.send_error).where(
            Notification.person_id == me.id, Notification.next_try_at.is_not(None)
        )
        failures = [problem for problem in session.scalars(failed.order_by(Notification.id.desc()).limit(1)) if problem]
    return {
        "kinds": [(kind.value, KIND_NAMES[kind], ways_of(me, kind)) for kind in NotificationKind],
        "sends_mail": mail,
        "chats": chats,
        "chat_services": CHAT_SERVICES,
        "notification_trouble": trouble or (failures[0] if failures else None),
    }


@router.post("/notifications")
def choose_notifications(request: Request, ways: ChosenNames = None) -> Response:
    """Sets how this person is notified of each kind. `ways`: each a kind and a way, with a colon between."""
    desk = desk_of(request)
    chosen = {
        kind: {way.value for way in NotificationWay if f"{kind}:{way}" in (ways or ())} for kind in NotificationKind
    }
    with desk.database.writing() as session:
        set_ways(session, request.state.session.person_id, chosen)
    flash(request, _("Saved: from now on you are told so."))
    return redirect(request, "account")


@router.post("/chats")
@in_queue(lambda work: work.network)
def set_chat_addresses(request: Request, addresses: Annotated[str, Form(max_length=3000)] = "") -> Response:
    """Replaces this person's chat addresses. What was there before is never shown."""
    desk = desk_of(request)
    me = request.state.session
    try:
        seal = SecretCipher.from_environment() if addresses.strip() else None
        set_chats(desk.database, me.person_id, addresses, seal=seal, now=desk.now())
    except ChatAddressRefused as refusal:
        return _page(request, 422, chats=refusal.text)
    flash(
        request, _("Your chat addresses are saved.") if addresses.strip() else _("You have no chat address any more.")
    )
    return redirect(request, "account")


@router.post("/language")
def choose_language(request: Request, language: Annotated[str, Form(max_length=35)] = "") -> Response:
    """Chooses the language of this person's pages; empty: that of the outlet's desk."""
    if language and language not in desk_languages():
        raise PageError(_("The desk's texts are not translated to that language; choose one of the list."))
    set_language(desk_of(request).database, request.state.session.person_id, language or None)
    flash(request, _("The language of your pages is changed."))
    return redirect(request, "account")


@router.post("/password")
def change_password(request: Request, new: Password) -> Response:
    desk = desk_of(request)
    me = request.state.session
    browser = tokens_of(request).browser
    try:
        change_own_password(
            desk.database, me.person_id, new, keep_session=me.token_hash, keep_browser=browser, now=desk.now()
        )
    except WeakPassword as refusal:
        return _page(request, 422, password=refusal.text)
    flash(request, _("Your password is changed. Other browsers are logged out, and your programs need new tokens."))
    return redirect(request, "account")


@router.post("/second-factor")
def set_second_factor(
    request: Request, secret: Annotated[str, Form(pattern="^[A-Z2-7]{32}$")], code: Annotated[str, Form(max_length=20)]
) -> Response:
    desk = desk_of(request)
    me = request.state.session
    try:
        second_factor.enable(desk.database, me, secret, code, seal=SecretCipher.from_environment(), now=desk.now())
    except LoginRefused as refusal:
        return _page(request, 422, code=refusal.text)
    flash(request, _("From now on you are asked for a code at every log-in."))
    return redirect(request, "account")


@router.post("/second-factor/remove")
def remove_second_factor(request: Request) -> Response:
    desk = desk_of(request)
    session = request.state.session
    me: Person = session.person
    second_factor.disable(desk.database, me.id, now=desk.now(), actor=me.actor, keep_session=session.token_hash)
    flash(request, _("You are asked for no code any more."), "note")
    return redirect(request, "account")


@router.post("/log-out-elsewhere")
def log_out_elsewhere(request: Request) -> Response:
    renew_tokens(request)
    me = request.state.session
    with desk_of(request).database.writing() as session:
        end_sessions(session, me.person_id, but=me.token_hash)
        forget_browsers(session, me.person_id, but=tokens_of(request).browser)
    flash(request, _("Every other browser of yours is logged out."))
    return redirect(request, "account")
