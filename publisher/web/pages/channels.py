"""Shows the channels, and lets people pause, examine, rehearse and connect them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from publisher.core.content import Account
from publisher.core.messages import Message, _, ngettext
from publisher.core.problems import Problem
from publisher.delivery import act_results, operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.overview import MAX_LISTED, check_login, is_on_this_machine, load_overviews, read_login
from publisher.delivery.platform_clocks import clock_differences
from publisher.desk import Desk
from publisher.platforms.errors import CredentialsRefused, PlatformError
from publisher.platforms.login_steps import LoginStep
from publisher.proving.rehearsal import RehearsalRefused, rehearse_channel
from publisher.web import pending_logins
from publisher.web.errors import NotFound
from publisher.web.field_types import RowId
from publisher.web.forms import fields_of, posted_form
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect
from publisher.web.slow_work import in_queue

router = APIRouter()

LOGIN_OVER = _("That log-in was begun more than ten minutes ago or in another browser, or is over; begin again.")


@router.get("/channels")
def channels(request: Request) -> Response:
    desk = desk_of(request)
    channel_overviews = load_overviews(desk.database, desk.channels, desk.settings, desk.now())
    problems = {overview.channel.name: overview.login.problem for overview in channel_overviews}
    with desk.database.reading() as session:
        clocks = {
            clock.channel: clock.description for clock in clock_differences(session, desk.now()) if clock.is_large
        }
    return page(
        request,
        "channels.html",
        channels=channel_overviews,
        problems=problems,
        clocks=clocks,
        max_reason_length=operate.MAX_REASON_LENGTH,
    )


@router.post("/channels/{name}/pause")
def pause_channel(request: Request, name: str, reason: Annotated[str, Form(max_length=2000)] = "") -> Response:
    desk = _desk_with_channel(request, name)
    operate.pause(desk.database, name, reason, now=desk.now(), actor=actor_of(request))
    paused = _("{channel} is paused: it publishes nothing until somebody resumes it.", channel=name)
    flash(request, str(paused), "note")
    return redirect(request, "channels")


@router.post("/channels/{name}/resume")
@in_queue(lambda work: work.network)
def resume_channel(request: Request, name: str) -> Response:
    """Resumes a channel whose account is in order. One that its platform refuses would be paused again at once."""
    desk = _desk_with_channel(request, name)
    try:
        check_login(desk.channels, name)
    except CredentialsRefused as error:
        text = _(
            "{channel} stays as it is, because its account is refused: {problem}", channel=name, problem=error.problem
        )
        flash(request, str(text), "bad")
        return _to_channel(request, name)
    except PlatformError as error:
        # The platform does not answer just now, which says nothing about the account.
        text = _("{channel} could not be examined first: {problem}", channel=name, problem=error.problem)
        flash(request, str(text), "note")
    end = operate.resume(desk.database, name, now=desk.now(), actor=actor_of(request))
    flash(request, str(act_results.describe_resume(name, end)))
    if count := len(act_results.held_deliveries(desk.database, name)):
        text = ngettext(
            "{count} post waits for a person; see below.", "{count} posts wait for a person; see below.", count=count
        )
        flash(request, str(text), "note")
    return _to_channel(request, name)


@router.post("/channels/{name}/retry")
def retry_waiting(
    request: Request, name: str, delivery: Annotated[list[RowId], Form(max_length=MAX_LISTED)]
) -> Response:
    """Lets those of the channel's posts try again that waited for its account, and surely are not public."""
    desk = _desk_with_channel(request, name)
    retried = 0
    for number in delivery:
        try:
            operate.retry(desk.database, number, now=desk.now(), actor=actor_of(request))
            retried += 1
        except ActRefused as refusal:
            flash(request, str(refusal), "bad")
    if retried:
        text = ngettext("{count} post tries again.", "{count} posts try again.", count=retried)
        flash(request, str(text))
    return _to_channel(request, name)


def _to_channel(request: Request, name: str) -> Response:
    answer = redirect(request, "channels")
    answer.headers["location"] += f"#channel-{name}"
    return answer


@router.post("/channels/{name}/examine")
@in_queue(lambda work: work.network)
def examine_channel(request: Request, name: str) -> Response:
    """Asks the platform which account the channel is logged in as."""
    desk = _desk_with_channel(request, name)
    try:
        account, ends = check_login(desk.channels, name)
    except PlatformError as error:
        flash(request, str(_("{channel}: {problem}", channel=name, problem=error.problem)), "bad")
    else:
        works = (
            _(
                "{channel} works: it is logged in as {account}. The log-in ends at {ends:moment}.",
                channel=name,
                account=account.name,
                ends=ends,
            )
            if ends
            else _("{channel} works: it is logged in as {account}.", channel=name, account=account.name)
        )
        flash(request, str(works))
    return redirect(request, "channels")


@router.post("/channels/{name}/rehearse")
@in_queue(lambda work: work.network)
def rehearse_on_sandbox(request: Request, name: str) -> Response:
    """Publishes the channel's next post to a sandbox on this machine, and shows the result."""
    desk = _desk_with_channel(request, name)
    try:
        rehearsal, refused = rehearse_channel(desk, name), None
    except RehearsalRefused as refusal:
        rehearsal, refused = None, refusal.text
    context = {"channel": desk.settings.channels[name], "label": _label(desk, name)}
    status = 422 if refused else 200
    return page(request, "channels_rehearsal.html", status, rehearsal=rehearsal, refused=refused, **context)


@router.get("/channels/callback")
@in_queue(lambda work: work.network)
def channel_callback(request: Request) -> Response:
    """Takes the answer of a platform that sent the browser back: once, and only in the browser that began."""
    pending = pending_logins.take_login(request)
    if pending is None or pending.questions:
        flash(request, str(LOGIN_OVER), "bad")
        return redirect(request, "channels")
    return _finish_step(request, pending, dict(request.query_params))


@router.get("/channels/{name}/connect")
def connect_channel(request: Request, name: str) -> Response:
    return _connect_page(request, name)


@router.post("/channels/{name}/connect")
@in_queue(lambda work: work.network)
def begin_connecting(request: Request, name: str) -> Response:
    desk = _desk_with_channel(request, name)
    if desk.channels.leads_back(name) and (link := pending_logins.other_address(request)):
        mistake = _(
            "Open the desk at {link} to connect {channel}: {platform} sends the browser back there.",
            link=link,
            channel=name,
            platform=_label(desk, name),
        )
        return _connect_page(request, name, 422, mistake=mistake)
    try:
        step = desk.channels.begin_login(name, pending_logins.callback_url(request))
    except PlatformError as error:
        return _connect_page(request, name, 422, mistake=error.problem)
    return _continue_login(request, name, step)


@router.post("/channels/{name}/connect/answer")
@in_queue(lambda work: work.network)
def go_on_connecting(request: Request, name: str, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Takes the answers to a platform's questions that the desk's own page asks."""
    _desk_with_channel(request, name)
    pending = pending_logins.take_login(request)
    if pending is None or pending.channel != name or not pending.questions:
        flash(request, str(LOGIN_OVER), "bad")
        return redirect(request, "connect_channel", name=name)
    fields = fields_of(form)
    return _finish_step(request, pending, {question: fields.get(question, "") for question in pending.questions})


def _finish_step(request: Request, pending: pending_logins.PendingLogin, answer: dict[str, str]) -> Response:
    """Finishes a step of the log-in, and redirects: a platform's answer must not stay in the browser's address."""
    try:
        step = desk_of(request).channels.finish_login(pending.channel, pending.state, answer)
    except PlatformError as error:
        flash(request, str(error.problem), "bad")
        return redirect(request, "connect_channel", name=pending.channel)
    return _continue_login(request, pending.channel, step)


def _continue_login(request: Request, name: str, step: LoginStep | Account) -> Response:
    if isinstance(step, Account):
        return _note_connected(request, name, step)
    pending_logins.store_login(request, name, step)
    return _connect_page(request, name, step=step)


def _note_connected(request: Request, name: str, account: Account) -> Response:
    desk = desk_of(request)
    operate.note_connected(desk.database, name, account.name, now=desk.now(), actor=actor_of(request))
    flash(request, str(_("{channel} is connected as {account}.", channel=name, account=account.name)))
    return redirect(request, "channels")


def _connect_page(
    request: Request,
    name: str,
    status: int = 200,
    *,
    step: LoginStep | None = None,
    mistake: Message | Problem | None = None,
) -> Response:
    desk = _desk_with_channel(request, name)
    channel = desk.settings.channels[name]
    in_steps = desk.channels.connects_in_steps(name)
    context: dict[str, Any] = {
        "channel": channel,
        "label": _label(desk, name),
        "missing": _missing_settings(desk, name) if in_steps else None,
        "login": read_login(desk.channels, name),
        "callback": pending_logins.callback_url(request) if desk.channels.leads_back(name) else "",
        "in_steps": in_steps,
        "on_sandbox": is_on_this_machine(channel),
        "step": step,
        "mistake": mistake,
    }
    return page(request, "channels_connect.html", status, **context)


def _missing_settings(desk: Desk, name: str) -> Problem | None:
    """Says what has to be configured before this channel can be connected here; None: nothing."""
    try:
        desk.channels.check_app(name)
    except PlatformError as error:
        return error.problem
    return None


def _label(desk: Desk, name: str) -> str:
    return desk.channels.profile(name).label


def _desk_with_channel(request: Request, name: str) -> Desk:
    desk = desk_of(request)
    if name not in desk.settings.channels:
        raise NotFound(_("There is no channel {channel}.", channel=name))
    return desk
