"""Examines a day's post before its time, and reports everything that would hold it while it can be mended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.adapt.text.rich_html import describe_length
from publisher.alerts.conditions import stated_reason, without_remedy
from publisher.alerts.link_check import check_link
from publisher.alerts.preflight_lines import PreflightCheck, PreflightLine
from publisher.alerts.problem_codes import PreflightProblem
from publisher.alerts.standing_checks import check_standing
from publisher.core.content import ContentProblem
from publisher.core.errors import UserError
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.core.problems import Problem, ProblemCode
from publisher.db.models import Pick, Post
from publisher.db.operations import Channel
from publisher.delivery.budget import MICROS, format_dollars, spending, whole_cost
from publisher.desk import Desk
from publisher.platforms.abilities import KeepsLogin
from publisher.platforms.profiles import load_profile
from publisher.posts.errors import PostError
from publisher.posts.preview import RenderedPost, preview
from publisher.schedule.approval import problems_of_post
from publisher.schedule.projection import project
from publisher.schedule.reserve_without_alt_text import count_without_alt_text
from publisher.schedule.slots import slot_day, slot_instant, slot_opens

MAX_THREADS = 8
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
URL_PATTERN = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True, slots=True)
class Preflight:
    """Holds the results for one day."""

    day: date
    title: str
    """The post's; empty when the day has none."""
    lines: tuple[PreflightLine, ...]

    @property
    def good(self) -> bool:
        return all(line.good for line in self.lines)

    @property
    def red(self) -> tuple[PreflightLine, ...]:
        return tuple(line for line in self.lines if not line.good)


def preflight(desk: Desk, day: date) -> Preflight:
    """Examines what would go out on `day` if nobody changed the queue any more.

    It makes the pictures, and checks every channel's credentials and every link of the post,
    which takes seconds to minutes. Nothing is published or changed.

    Raises:
        PostError: the day is over.
    """
    if day < slot_day(desk.now(), desk.settings.outlet.zone):
        raise PostError(PreflightProblem.DAY_OVER(day=day))
    with desk.database.reading() as session:
        post, result = _find_post(session, desk, day)
        remarks = _remarks(session, desk, post) if post is not None else []
        paused = {row.name: row.pause_problem for row in session.scalars(select(Channel)) if row.paused_at is not None}
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        accounts = pool.map(lambda name: _check_credentials(desk, name, day), desk.channels.names())
        links = pool.map(lambda url: _check_link(desk, url), _links_of(post) if post else ())
        lines = [PreflightLine("", PreflightCheck.POST, result), *_paused_channels(desk, paused), *accounts]
        if post is not None:
            lines += remarks
            for rendered in preview(post, desk.targets, desk.people, desk.renderer):
                lines += _check_caption(desk, rendered, day)
        lines += links
    lines += check_standing(desk, day)
    return Preflight(day, post.title if post else "", tuple(lines))


def _find_post(session: Session, desk: Desk, day: date) -> tuple[Post | None, Message | Problem]:
    """Finds the post of a day, and returns it with the reason; None with the reason why there is none."""
    pick = session.scalar(select(Pick).where(Pick.slot == day))
    if pick is not None and pick.reason != "empty":
        if pick.post is None:
            return None, PreflightProblem.DAY_WAS_MISSED()
        values = {"post": pick.post.id, "title": pick.post.title, "reason": pick.reason}
        return pick.post, _("{post} “{title}” (picked from: {reason})", **values)
    coming_days = project(session, desk.settings, desk.now())
    projected = next((coming for coming in coming_days if coming.slot >= day), None)
    if projected is None or projected.slot != day or projected.post_id is None:
        left_out = count_without_alt_text(
            session, day, max(slot_opens(day, desk.settings), desk.now()), desk.settings.reserve
        )
        if left_out:
            return None, PreflightProblem.DAY_HAS_NO_POST_WITHOUT_ALT_TEXTS(count=left_out)
        return None, PreflightProblem.DAY_HAS_NO_POST()
    post = session.get_one(Post, projected.post_id)
    return post, _("{post} “{title}” ({reason})", post=post.id, title=post.title, reason=projected.reason)


def _remarks(session: Session, desk: Desk, post: Post) -> list[PreflightLine]:
    """Returns a line for each problem of the post itself, whatever the channel."""
    return [
        PreflightLine("", PreflightCheck.REMARK, problem.problem.problem, warning=not problem.problem.blocking)
        for problem in problems_of_post(session, post, desk)
    ]


def _paused_channels(desk: Desk, paused: Mapping[str, Problem | None]) -> Iterator[PreflightLine]:
    for name in desk.channels.names():
        if name in paused:
            reason = without_remedy(stated_reason(paused[name]))
            problem = PreflightProblem.CHANNEL_IS_PAUSED(channel=name, reason=reason)
            yield PreflightLine(name, PreflightCheck.CHANNEL, problem)


def _check_credentials(desk: Desk, name: str, day: date) -> PreflightLine:
    def verify() -> Message | Problem:
        adapter = desk.channels.open(name)
        account = adapter.verify_credentials().name
        ends = adapter.login_ends() if isinstance(adapter, KeepsLogin) else None
        if ends is None:
            return _("answers as {account}", account=account)
        if ends <= _due_at(desk, name, day):
            return PreflightProblem.LOGIN_ENDS_BEFORE(channel=name, ends=ends)
        return _("answers as {account}; the log-in ends {ends:moment}", account=account, ends=ends)

    try:
        result = verify()
    except Exception as error:
        result = _problem_of(error, PreflightProblem.CREDENTIALS_UNUSABLE, PreflightProblem.CHECK_FAILED)
    return PreflightLine(name, PreflightCheck.CREDENTIALS, result)


def _check_caption(desk: Desk, rendered: RenderedPost, day: date) -> Iterator[PreflightLine]:
    if rendered.adapted is None:
        left_out = _("leaves this post out: it is not translated")
        yield PreflightLine(rendered.channel, PreflightCheck.CAPTION, left_out)
        return
    adapted, name = rendered.adapted, rendered.channel
    blocking = [problem for problem in rendered.problems if problem.blocking]
    of_images = [problem for problem in blocking if problem.field.startswith("images[")]
    others = [problem for problem in blocking if problem not in of_images]
    fits = _("{length}", length=describe_length(adapted)) if adapted.limit else _("fits")
    yield from _lines(name, PreflightCheck.CAPTION, others, fits)
    pictures = [problem for problem in of_images if not problem.field.endswith("alt_text")]
    made = sum(1 for rendition in rendered.renditions if rendition is not None)
    yield from _lines(name, PreflightCheck.PICTURES, pictures, _("{number} made", number=made))
    for remark in rendered.problems:
        if not remark.blocking:
            yield PreflightLine(name, PreflightCheck.REMARK, remark.problem, warning=True)
    missing = [number for number, image in enumerate(adapted.images, start=1) if not image.alt_text.strip()]
    result = PreflightProblem.ALT_TEXT_MISSING(pictures=missing) if missing else _("there")
    yield PreflightLine(name, PreflightCheck.ALT_TEXT, result)
    yield from _check_budget(desk, rendered, day)


def _lines(
    channel: str, what: PreflightCheck, problems: Sequence[ContentProblem], good: Message
) -> Iterator[PreflightLine]:
    """Yields a line for each problem of a post, or one that all is well."""
    if not problems:
        yield PreflightLine(channel, what, good)
    for problem in problems:
        yield PreflightLine(channel, what, problem.problem)


def _check_budget(desk: Desk, rendered: RenderedPost, day: date) -> Iterator[PreflightLine]:
    channel = desk.settings.channels[rendered.channel]
    if channel.monthly_budget is None or rendered.adapted is None:
        return
    cost = whole_cost(load_profile(channel.platform), rendered.adapted)
    at, zone = _due_at(desk, rendered.channel, day), desk.settings.outlet.zone
    with desk.database.reading() as session:
        month_spending = spending(session, rendered.channel, channel.monthly_budget, at, zone)
    values = {"cost": format_dollars(cost), "spending": month_spending.description}
    result: Message | Problem = _("costs about {cost}; this month's spending is {spending}", **values)
    if month_spending.spent + cost > round(channel.monthly_budget * MICROS):
        result = PreflightProblem.OVER_BUDGET(channel=rendered.channel, **values)
    yield PreflightLine(rendered.channel, PreflightCheck.BUDGET, result)


def _due_at(desk: Desk, name: str, day: date) -> datetime:
    return slot_instant(day, desk.settings.channel_hour(desk.settings.channels[name]), desk.settings.outlet.zone)


def _links_of(post: Post) -> tuple[str, ...]:
    """Lists the web addresses in a post, each once."""
    translations = list(post.translations.values())
    texts = (post.body, *(str(translation.get("body") or "") for translation in translations))
    written = [url.rstrip(".,;:!?") for text in texts for url in URL_PATTERN.findall(text)]
    single = [post.link, *(str(translation.get("link") or "") for translation in translations)]
    listed = [*post.links, *(link for translation in translations for link in translation.get("links") or ())]
    return tuple(dict.fromkeys(url for url in (*single, *(str(link["url"]) for link in listed), *written) if url))


def _check_link(desk: Desk, url: str) -> PreflightLine:
    """Checks a link. On the sandbox, and only there, it may lead to this machine."""
    urls = (url, *(channel.base_url or "" for channel in desk.settings.channels.values()))
    here, *sandboxed = [_host(address) in LOOPBACK_HOSTS for address in urls]
    result: Message | Problem
    try:
        result = _("{url} {answer}", url=url, answer=check_link(url, loopback=here and any(sandboxed)))
    except Exception as error:
        result = _problem_of(error, PreflightProblem.LINK_BROKEN, PreflightProblem.LINK_CHECK_FAILED, url=url)
    return PreflightLine("", PreflightCheck.LINK, result)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _problem_of(error: Exception, reported: ProblemCode, unexpected: ProblemCode, **values: str) -> Problem:
    """Makes the problem of a check that failed: with the error's reason, or because the program has a fault."""
    if not isinstance(error, UserError):
        get_logger("alerts").error("a check of the preflight failed", problem=unexpected.code, exc_info=error, **values)
        return unexpected(**values)
    if isinstance(error.text, Problem) and not values:
        return error.text
    return reported(reason=error.text, **values)
