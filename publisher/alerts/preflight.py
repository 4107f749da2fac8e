"""Examines a day's post before its time, and reports everything that would hold it while it can be mended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.adapt.text.rich_html import describe_length
from publisher.alerts.link_check import check_link
from publisher.core.errors import UserError
from publisher.core.logs import get_logger
from publisher.db.models import Pick, Post
from publisher.db.operations import Channel
from publisher.delivery.budget import MICROS, format_dollars, spending, whole_cost
from publisher.desk import Desk
from publisher.platforms.base import KeepsLogin
from publisher.platforms.profiles import load_profile
from publisher.posts.errors import PostError
from publisher.posts.preview import RenderedPost, preview
from publisher.schedule.listing import HORIZON_DAYS
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_day, slot_instant
from publisher.settings import SettingsError

MAX_THREADS = 8
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
URL_PATTERN = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True, slots=True)
class Line:
    """Holds the result for one thing that was examined."""

    channel: str
    """Empty: it is about the post on every channel."""
    what: str
    good: bool
    told: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """Holds the results for one day."""

    day: date
    title: str
    """The post's; empty when the day has none."""
    lines: tuple[Line, ...]

    @property
    def good(self) -> bool:
        return all(line.good for line in self.lines)

    @property
    def red(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.good)


def preflight(desk: Desk, day: date) -> Preflight:
    """Examines what would go out on `day` if nobody changed the queue any more.

    It makes the pictures, and checks every channel's credentials and every link of the post,
    which takes seconds to minutes. Nothing is published or changed.

    Raises:
        PostError: the day is over.
    """
    if day < slot_day(desk.now(), desk.settings.outlet.zone):
        raise PostError(f"{day:%Y-%m-%d} is over; examine today or a later day")
    with desk.database.reading() as session:
        post, reason = _find_post(session, desk, day)
        paused = {
            row.name: str(row.pause_problem or "")
            for row in session.scalars(select(Channel))
            if row.paused_at is not None
        }
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        accounts = pool.map(lambda name: _check_credentials(desk, name, day), desk.channels.names())
        links = pool.map(lambda url: _check_link(desk, url), _links_of(post) if post else ())
        lines = [*_paused_channels(desk, paused), *accounts]
        if post is None:
            lines.insert(0, Line("", "post", False, f"{reason}; add and approve one: publisher queue"))
        else:
            lines.insert(0, Line("", "post", True, f"{post.id} “{post.title}” ({reason})"))
            for rendered in preview(post, desk.targets, desk.people, desk.renderer):
                lines += _check_caption(desk, rendered, day)
        lines += links
    return Preflight(day, post.title if post else "", tuple(lines))


def _find_post(session: Session, desk: Desk, day: date) -> tuple[Post | None, str]:
    """Finds the post of a day, and returns it with the reason; None with the reason why there is none."""
    pick = session.scalar(select(Pick).where(Pick.slot == day))
    if pick is not None and pick.reason != "empty":
        return pick.post, f"picked from: {pick.reason}" if pick.post else "the day was missed"
    coming_days = islice(project(session, desk.settings, desk.now()), HORIZON_DAYS)
    projected = next((coming for coming in coming_days if coming.slot >= day), None)
    if projected is None or projected.slot != day or projected.post_id is None:
        return None, "no post is ready for the day"
    return session.get_one(Post, projected.post_id), projected.reason


def _paused_channels(desk: Desk, paused: dict[str, str]) -> Iterator[Line]:
    for name in desk.channels.names():
        if name in paused:
            yield Line(name, "channel", False, f"is paused: {paused[name].rstrip('.')}; publisher resume {name}")


def _check_credentials(desk: Desk, name: str, day: date) -> Line:
    def verify() -> str:
        adapter = desk.channels.open(name)
        text = f"answers as {adapter.verify_credentials().name}"
        ends = adapter.login_ends() if isinstance(adapter, KeepsLogin) else None
        if ends is None:
            return text
        if ends <= _due_at(desk, name, day):
            raise SettingsError(f"the log-in ends {desk.local(ends)}, before the post; run publisher connect {name}")
        return f"{text}; the log-in ends {desk.local(ends)}"

    return _check(name, "credentials", verify)


def _check_caption(desk: Desk, rendered: RenderedPost, day: date) -> Iterator[Line]:
    if rendered.adapted is None:
        yield Line(rendered.channel, "caption", True, "leaves this post out: it is not translated")
        return
    adapted, name = rendered.adapted, rendered.channel
    image_problems = [
        problem for problem in rendered.problems if problem.field.startswith("images[") and problem.blocking
    ]
    others = [problem for problem in rendered.problems if problem.blocking and problem not in image_problems]
    fits = describe_length(adapted) if adapted.limit else "fits"
    yield Line(name, "caption", not others, " ".join(problem.message for problem in others) or fits)
    pictures = [problem for problem in image_problems if not problem.field.endswith("alt_text")]
    made = sum(1 for rendition in rendered.renditions if rendition is not None)
    yield Line(name, "pictures", not pictures, " ".join(problem.message for problem in pictures) or f"{made} made")
    missing = [str(number) for number, image in enumerate(adapted.images, start=1) if not image.alt_text.strip()]
    text = f"missing for picture {', '.join(missing)}; write it" if missing else "there"
    yield Line(name, "alt text", not missing, text)
    yield from _check_budget(desk, rendered, day)


def _check_budget(desk: Desk, rendered: RenderedPost, day: date) -> Iterator[Line]:
    channel = desk.settings.channels[rendered.channel]
    if channel.monthly_budget is None or rendered.adapted is None:
        return
    cost = whole_cost(load_profile(channel.platform), rendered.adapted)
    at, zone = _due_at(desk, rendered.channel, day), desk.settings.outlet.zone
    with desk.database.reading() as session:
        month_spending = spending(session, rendered.channel, channel.monthly_budget, at, zone)
    enough = month_spending.spent + cost <= round(channel.monthly_budget * MICROS)
    text = f"costs about {format_dollars(cost)}; this month's spending is {month_spending.description}"
    remedy = "" if enough else f"; raise channels.{rendered.channel}.monthly_budget"
    yield Line(rendered.channel, "budget", enough, f"{text}{remedy}")


def _due_at(desk: Desk, name: str, day: date) -> datetime:
    return slot_instant(day, desk.settings.channel_hour(desk.settings.channels[name]), desk.settings.outlet.zone)


def _links_of(post: Post) -> tuple[str, ...]:
    """Lists the web addresses in a post, each once."""
    texts = (post.body, *(str(translation.get("body") or "") for translation in post.translations.values()))
    written = [url.rstrip(".,;:!?") for text in texts for url in URL_PATTERN.findall(text)]
    return tuple(dict.fromkeys(url for url in (post.link, *(str(link["url"]) for link in post.links), *written) if url))


def _check_link(desk: Desk, url: str) -> Line:
    """Checks a link. On the sandbox, and only there, it may lead to this machine."""
    urls = (url, *(channel.base_url or "" for channel in desk.settings.channels.values()))
    here, *sandboxed = [_host(address) in LOOPBACK_HOSTS for address in urls]
    return _check("", "link", lambda: f"{url} {check_link(url, loopback=here and any(sandboxed))}", about=url)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _check(channel: str, what: str, check: Callable[[], str], *, about: str = "") -> Line:
    """Runs one check, and makes a line of its result. `about`: put before the sentence of a failure."""
    prefix = f"{about}: " if about else ""
    try:
        return Line(channel, what, True, check())
    except UserError as error:
        return Line(channel, what, False, f"{prefix}{error}")
    except Exception as error:
        get_logger("alerts").error("a check of the preflight failed", channel=channel, what=what, exc_info=error)
        return Line(
            channel, what, False, f"{prefix}the check failed, because the program has a fault; the log says where"
        )
