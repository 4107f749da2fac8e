"""A day's post examined before it is its time: everything that would hold it up, while somebody can still mend it."""

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

from publisher.adapt.text.rich_html import length_told
from publisher.alerts.link_check import NoAnswer, check_link
from publisher.db.models import Pick, Post
from publisher.db.operations import Channel
from publisher.delivery.budget import MICROS, dollars, spending, whole_cost
from publisher.desk import Desk
from publisher.media import MediaError
from publisher.platforms.base import KeepsLogin
from publisher.platforms.errors import PlatformError
from publisher.platforms.profiles import load_profile
from publisher.posts.errors import PostError
from publisher.posts.preview import RenderedPost, preview
from publisher.schedule.listing import HORIZON_DAYS
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_day, slot_instant
from publisher.settings import SettingsError

AT_ONCE = 8
LOOPBACK = ("localhost", "127.0.0.1", "::1")
URL = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was examined."""

    channel: str
    """Empty: it is about the post on every channel."""
    what: str
    good: bool
    told: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found for one day."""

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
    """Examine what would go out on `day` if nobody touched the queue any more.

    Pictures are made, every channel's credentials and every link of the post are asked: seconds
    to minutes. Nothing is published or changed.

    Raises:
        PostError: the day is over.
    """
    if day < slot_day(desk.now(), desk.settings.outlet.zone):
        raise PostError(f"{day:%Y-%m-%d} is over; examine today or a later day")
    with desk.database.reading() as session:
        post, reason = _coming(session, desk, day)
        paused = {row.name: row.pause_reason for row in session.scalars(select(Channel)) if row.paused_at is not None}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        accounts = pool.map(lambda name: _credentials(desk, name, day), desk.channels.names())
        links = pool.map(lambda url: _link(desk, url), _links(post) if post else ())
        lines = [*_pauses(desk, paused), *accounts]
        if post is None:
            lines.insert(0, Line("", "post", False, f"{reason}; add and approve one: publisher queue"))
        else:
            lines.insert(0, Line("", "post", True, f"{post.id} “{post.title}” ({reason})"))
            for each in preview(post, desk.targets, desk.people, desk.renderer):
                lines += _channel(desk, each, day)
        lines += links
    return Preflight(day, post.title if post else "", tuple(lines))


def _coming(session: Session, desk: Desk, day: date) -> tuple[Post | None, str]:
    """The post of a day and why it is this one, or why there is none."""
    pick = session.scalar(select(Pick).where(Pick.slot == day))
    if pick is not None and pick.reason != "empty":
        return pick.post, f"picked from: {pick.reason}" if pick.post else "the day was missed"
    coming = islice(project(session, desk.settings, desk.now()), HORIZON_DAYS)
    found = next((each for each in coming if each.slot >= day), None)
    if found is None or found.slot != day or found.post_id is None:
        return None, "no post is ready for the day"
    return session.get_one(Post, found.post_id), found.reason


def _pauses(desk: Desk, paused: dict[str, str]) -> Iterator[Line]:
    for name in desk.channels.names():
        if name in paused:
            yield Line(name, "channel", False, f"is paused: {paused[name].rstrip('.')}; publisher resume {name}")


def _credentials(desk: Desk, name: str, day: date) -> Line:
    def ask() -> str:
        adapter = desk.channels.open(name)
        told = f"answers as {adapter.verify_credentials().name}"
        ends = adapter.login_ends() if isinstance(adapter, KeepsLogin) else None
        if ends is None:
            return told
        if ends <= _hour(desk, name, day):
            raise SettingsError(f"the log-in ends {desk.local(ends)}, before the post; run publisher connect {name}")
        return f"{told}; the log-in ends {desk.local(ends)}"

    return _try(name, "credentials", ask)


def _channel(desk: Desk, shown: RenderedPost, day: date) -> Iterator[Line]:
    if shown.adapted is None:
        yield Line(shown.channel, "caption", True, "leaves this post out: it is not translated")
        return
    adapted, name = shown.adapted, shown.channel
    of_pictures = [each for each in shown.problems if each.field.startswith("images[") and each.blocking]
    others = [each for each in shown.problems if each.blocking and each not in of_pictures]
    fits = length_told(adapted) if adapted.limit else "fits"
    yield Line(name, "caption", not others, " ".join(each.message for each in others) or fits)
    pictures = [each for each in of_pictures if not each.field.endswith("alt_text")]
    made = sum(1 for rendition in shown.renditions if rendition is not None)
    yield Line(name, "pictures", not pictures, " ".join(each.message for each in pictures) or f"{made} made")
    lacking = [str(number) for number, image in enumerate(adapted.images, start=1) if not image.alt_text.strip()]
    told = f"missing for picture {', '.join(lacking)}; write it" if lacking else "there"
    yield Line(name, "alt text", not lacking, told)
    yield from _budget(desk, shown, day)


def _budget(desk: Desk, shown: RenderedPost, day: date) -> Iterator[Line]:
    channel = desk.settings.channels[shown.channel]
    if channel.monthly_budget is None or shown.adapted is None:
        return
    cost = whole_cost(load_profile(channel.platform), shown.adapted)
    at, zone = _hour(desk, shown.channel, day), desk.settings.outlet.zone
    with desk.database.reading() as session:
        spent = spending(session, shown.channel, channel.monthly_budget, at, zone)
    enough = spent.spent + cost <= round(channel.monthly_budget * MICROS)
    told = f"costs about {dollars(cost)}; spent are {spent.told}"
    remedy = "" if enough else f"; raise channels.{shown.channel}.monthly_budget"
    yield Line(shown.channel, "budget", enough, f"{told}{remedy}")


def _hour(desk: Desk, name: str, day: date) -> datetime:
    return slot_instant(day, desk.settings.channel_hour(desk.settings.channels[name]), desk.settings.outlet.zone)


def _links(post: Post) -> tuple[str, ...]:
    """The addresses that a post sends people to, each once."""
    texts = (post.body, *(str(each.get("body") or "") for each in post.translations.values()))
    written = [found.rstrip(".,;:!?") for text in texts for found in URL.findall(text)]
    return tuple(dict.fromkeys(url for url in (post.link, *(str(each["url"]) for each in post.links), *written) if url))


def _link(desk: Desk, url: str) -> Line:
    """On the sandbox, and only there, a link may lead to this machine."""
    urls = (url, *(channel.base_url or "" for channel in desk.settings.channels.values()))
    here, *sandboxed = [_host(each) in LOOPBACK for each in urls]
    return _try("", "link", lambda: f"{url} {check_link(url, loopback=here and any(sandboxed))}", about=url)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _try(channel: str, what: str, ask: Callable[[], str], *, about: str = "") -> Line:
    """`about`: what a failure has to name, because its sentence doesn't."""
    before = f"{about}: " if about else ""
    try:
        return Line(channel, what, True, ask())
    except (PlatformError, SettingsError, MediaError, NoAnswer) as error:
        return Line(channel, what, False, f"{before}{error}")
    except Exception as error:
        return Line(channel, what, False, f"{before}something unexpected happened ({type(error).__name__})")
