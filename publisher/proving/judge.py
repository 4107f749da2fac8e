"""The platforms' ledgers against the database: was the promise kept?"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import joinedload

from publisher.core.content import AdaptedPost
from publisher.core.states import AT_REST, UNPUBLISHED, State
from publisher.db.base import Base
from publisher.db.models import LEASED, Attempt, Delivery, Event, Pick, Post
from publisher.db.session import Database
from publisher.posts.possibly_shown import RESTORED
from publisher.proving.report import Findings
from publisher.schedule.restore_gap import SHOWN_ON

Ledger = Mapping[tuple[str, str], Sequence[dict[str, Any]]]


def counted(posts: Iterable[dict[str, Any]]) -> Ledger:
    """The ledger's posts by platform and words. Captions are unique, so equal ones are copies."""
    found: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for post in posts:
        found[post["platform"], _words(post["caption"])].append(post)
    return found


def copies_of(delivery: Delivery, ledger: Ledger) -> Sequence[dict[str, Any]]:
    return ledger.get(_place(delivery), ())


def is_of(place: tuple[str, str], title: str) -> bool:
    """Whether a public post shows the post of this title, on whatever channel."""
    return place[1].startswith(f"{title}, as ")


def taken_back() -> Select[int | None]:
    """The numbers of the posts that a restore took back, because they may have been shown."""
    return select(Event.post_id).where(Event.name == RESTORED, Event.post_id.is_not(None))


def _closed_days(events: Iterable[Event], picks: Mapping[date, Pick]) -> set[date]:
    """The days that a restore closed, and told so: what went out on them, the database does not know."""
    told = {date.fromisoformat(event.detail["slot"]) for event in events if "slot" in event.detail}
    return {day for day in told if day in picks and picks[day].reason == "missed"}


def _forgotten(
    restored: Iterable[Event], closed: Iterable[date], titles: Mapping[int, str], public: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """How many public posts each closed day may have shown: of the post that was taken back last because of it."""
    of_day = {
        event.detail[SHOWN_ON]: titles[event.post_id]
        for event in restored
        if event.post_id is not None and event.post_id in titles and SHOWN_ON in event.detail
    }
    found = {}
    for day in sorted(one.isoformat() for one in closed):
        title = of_day.get(day)
        found[day] = sum(is_of(place, title) for place in public) if title else 0
    return found


def _place(delivery: Delivery) -> tuple[str, str]:
    sent = AdaptedPost.model_validate(delivery.adapted)
    return sent.platform, _words(sent.caption)


def _words(text: str) -> str:
    """A caption without its line breaks, which each platform keeps in its own way."""
    return " ".join(text.split())


def judge(
    database: Database, ledger: Ledger, *, channels: Sequence[str], days: Sequence[date], skipped: Sequence[date]
) -> Findings:
    """Compare. `days` are those on which a post was due, `skipped` those over which the clocks leapt."""
    with database.reading() as session:
        deliveries = list(session.scalars(select(Delivery).options(joinedload(Delivery.pick)).order_by(Delivery.id)))
        picks = {pick.slot: pick for pick in session.scalars(select(Pick))}
        events = list(session.scalars(select(Event).where(Event.delivery_id.is_not(None)).order_by(Event.id)))
        restored = list(session.scalars(select(Event).where(Event.name == RESTORED)))
        rows = session.execute(select(Post.id, Post.title).where(Post.id.in_(taken_back())))
        titles = {number: title for number, title in rows}
        sends = len(list(session.scalars(select(Attempt.id).where(Attempt.kind == "send"))))
    found = Findings(deliveries=len(deliveries), days=len(days), requests=sends)
    closed = _closed_days(restored, picks)
    found.lost += _lost(picks, deliveries, channels, [day for day in days if day not in closed], skipped)
    for delivery in deliveries:
        _judge_one(found, delivery, copies_of(delivery, ledger))
    ours = {_place(delivery) for delivery in deliveries}
    unknown = [place for place in ledger if place not in ours]
    told = [place for place in unknown if any(is_of(place, title) for title in titles.values())]
    found.strangers += [f"{place[0]}: {place[1]}" for place in unknown if place not in told]
    found.twice += [f"{place[0]}: {place[1]}: {len(ledger[place])} copies" for place in told if len(ledger[place]) > 1]
    found.closed_days = _forgotten(restored, closed, titles, told)
    found.side_by_side += _side_by_side(events, deliveries)
    found.overtaken += _overtaken(events, deliveries)
    found.unguarded += _unguarded(database)
    found.asked = len({event.delivery_id for event in events if event.name == "delivery held"})
    channel_of = {delivery.id: delivery.channel_name for delivery in deliveries}
    for event in events:
        if event.delivery_id is not None and event.name == "delivery held":
            found.held_why[_reason(str(event.detail.get("problem", "")), channel_of[event.delivery_id])] += 1
    return found


def _judge_one(found: Findings, delivery: Delivery, copies: Sequence[dict[str, Any]]) -> None:
    row = f"{delivery.pick.slot} {delivery.channel_name} (delivery {delivery.id}, {delivery.state})"
    found.states[delivery.state] += 1
    found.copies["2+" if len(copies) > 1 else str(len(copies))] += 1
    if len(copies) > 1:
        found.twice.append(f"{row}: {len(copies)} copies, {', '.join(post['url'] for post in copies)}")
    if delivery.state not in AT_REST:
        found.stuck.append(f"{row}: {delivery.problem or 'no problem is told'}")
    if delivery.state == State.PUBLISHED and delivery.remote_id not in [post["id"] for post in copies]:
        found.untrue.append(f"{row}: the platform has no such post")
    if delivery.state in UNPUBLISHED and copies:
        found.untrue.append(f"{row}: it is public at {copies[0]['url']}")


def _lost(
    picks: Mapping[date, Pick],
    deliveries: Sequence[Delivery],
    channels: Sequence[str],
    days: Sequence[date],
    skipped: Sequence[date],
) -> list[str]:
    """Slots without their post, and posts without their deliveries."""
    found = [f"{day}: nothing was picked" for day in days if day not in picks or picks[day].post_id is None]
    found += [f"{day}: nobody was told that it was missed" for day in skipped if day not in picks]
    there = {(delivery.pick.slot, delivery.channel_name) for delivery in deliveries}
    missing = [(day, channel) for day in days for channel in channels if (day, channel) not in there]
    return found + [f"{day} {channel}: there is no delivery" for day, channel in missing]


def _side_by_side(events: Sequence[Event], deliveries: Sequence[Delivery]) -> list[str]:
    """Moments at which two deliveries of a channel were in flight, by the history."""
    channel_of = {delivery.id: delivery.channel_name for delivery in deliveries}
    flying: defaultdict[str, set[int]] = defaultdict(set)
    found = []
    for event in events:
        state = event.name.removeprefix("delivery ")
        if event.delivery_id is None or state not in set(State):
            continue
        channel = flying[channel_of[event.delivery_id]]
        if state in LEASED:
            channel.add(event.delivery_id)
        else:
            channel.discard(event.delivery_id)
        if len(channel) > 1:
            found.append(f"{channel_of[event.delivery_id]}: deliveries {sorted(channel)} at {event.at:%Y-%m-%d %H:%M}")
    return found


def _overtaken(events: Sequence[Event], deliveries: Sequence[Delivery]) -> list[str]:
    """Changes with a fence that was over, by the history: the fence of a delivery never goes down."""
    channel_of = {delivery.id: delivery.channel_name for delivery in deliveries}
    highest: defaultdict[int, int] = defaultdict(int)
    found = []
    for event in events:
        fence = event.detail.get("fence")
        if event.delivery_id is None or fence is None:
            continue
        if fence < highest[event.delivery_id]:
            who = f"{event.actor or 'somebody'} with fence {fence} after {highest[event.delivery_id]}"
            found.append(f"{channel_of[event.delivery_id]} (delivery {event.delivery_id}): {event.name} by {who}")
        highest[event.delivery_id] = max(fence, highest[event.delivery_id])
    return found


def _unguarded(database: Database) -> list[str]:
    """The rules that the database itself should keep, and no longer does."""
    there = inspect(database.engine)
    return [
        f"the table {table.name} has lost {index.name}"
        for table in Base.metadata.sorted_tables
        for index in table.indexes
        if index.unique and index.name not in {known["name"] for known in there.get_indexes(table.name)}
    ]


def _reason(problem: str, channel: str) -> str:
    """Problems that differ only in their channel, and in what stands behind the first sentence, are one reason."""
    parts = re.split(r"[.:](?:\s|$)", problem)
    # What is wrong with a file is told behind its name, which is another one in each proof.
    reason = next((part for part in parts if part and not part.startswith(("/", "channels."))), "")
    reason = re.sub(r" /\S+", "", reason)
    return reason.replace(channel, "CHANNEL")


def write_history(database: Database, file: Path) -> None:
    """Every event as a line of JSON: what is left to read where the database goes with its server."""
    with database.reading() as session, file.open("w", encoding="utf-8") as lines:
        for event in session.scalars(select(Event).order_by(Event.id).execution_options(yield_per=1000)):
            told = {
                "at": event.at.isoformat(),
                "event": event.name,
                "delivery": event.delivery_id,
                "post": event.post_id,
                "actor": event.actor,
                **event.detail,
            }
            lines.write(json.dumps(told, ensure_ascii=False) + "\n")
