"""Compares the platforms' ledgers with the database, and finds where the promise was broken."""

from __future__ import annotations

import json
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
from publisher.db.problem_column import read_recorded
from publisher.db.session import Database
from publisher.posts.possibly_shown import RESTORED
from publisher.proving.corrected_posts import first_caption, judge_corrections, plain_caption
from publisher.proving.outcomes import CAPTION
from publisher.proving.report import Findings
from publisher.schedule.restore_gap import SHOWN_ON

Ledger = Mapping[tuple[str, str], Sequence[dict[str, Any]]]


def posts_by_caption(posts: Iterable[dict[str, Any]]) -> Ledger:
    """Sorts the ledger's posts by platform and by the caption that they were published with, whatever it is now.

    Captions are unique, so equal ones are copies.
    """
    ledger: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for post in posts:
        ledger[post["platform"], plain_caption(first_caption(post))].append(post)
    return ledger


def copies_of(delivery: Delivery, ledger: Ledger) -> Sequence[dict[str, Any]]:
    """Returns the public posts of a delivery."""
    return ledger.get(_ledger_key(delivery), ())


def shows_post(key: tuple[str, str], title: str) -> bool:
    """Tells whether a public post shows the post of this title, on whatever channel."""
    caption = CAPTION.match(key[1])
    return caption is not None and caption["title"] == title


def posts_taken_back() -> Select[int | None]:
    """Selects the numbers of the posts that a restore took back, because they may have been shown."""
    return select(Event.post_id).where(Event.name == RESTORED, Event.post_id.is_not(None))


def _closed_days(events: Iterable[Event], picks: Mapping[date, Pick]) -> set[date]:
    """Returns the days that a restore closed and reported: the database does not know their posts."""
    reported = {date.fromisoformat(event.detail["slot"]) for event in events if "slot" in event.detail}
    return {day for day in reported if day in picks and picks[day].reason == "missed"}


def _count_forgotten(
    restored: Iterable[Event], closed: Iterable[date], titles: Mapping[int, str], public: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Counts the public posts that each closed day may have shown: of the post that was taken back last for it."""
    of_day = {
        event.detail[SHOWN_ON]: titles[event.post_id]
        for event in restored
        if event.post_id is not None and event.post_id in titles and SHOWN_ON in event.detail
    }
    counts = {}
    for day in sorted(closed_day.isoformat() for closed_day in closed):
        title = of_day.get(day)
        counts[day] = sum(shows_post(key, title) for key in public) if title else 0
    return counts


def _ledger_key(delivery: Delivery) -> tuple[str, str]:
    sent = AdaptedPost.model_validate(delivery.adapted)
    return sent.platform, plain_caption(sent.caption)


def judge_proof(
    database: Database, ledger: Ledger, *, channels: Sequence[str], days: Sequence[date], skipped: Sequence[date]
) -> Findings:
    """Judges a proof. `days` are those on which a post was due, `skipped` those over which the clocks leapt."""
    with database.reading() as session:
        deliveries = list(session.scalars(select(Delivery).options(joinedload(Delivery.pick)).order_by(Delivery.id)))
        picks = {pick.slot: pick for pick in session.scalars(select(Pick))}
        events = list(session.scalars(select(Event).where(Event.delivery_id.is_not(None)).order_by(Event.id)))
        restored = list(session.scalars(select(Event).where(Event.name == RESTORED)))
        rows = session.execute(select(Post.id, Post.title).where(Post.id.in_(posts_taken_back())))
        titles = {number: title for number, title in rows}
        sends = len(list(session.scalars(select(Attempt.id).where(Attempt.kind == "send"))))
    findings = Findings(deliveries=len(deliveries), days=len(days), requests=sends)
    closed = _closed_days(restored, picks)
    findings.lost += _find_lost(picks, deliveries, channels, [day for day in days if day not in closed], skipped)
    for delivery in deliveries:
        _judge_delivery(findings, delivery, copies_of(delivery, ledger))
    known = {_ledger_key(delivery) for delivery in deliveries}
    unknown = [key for key in ledger if key not in known]
    forgotten = [key for key in unknown if any(shows_post(key, title) for title in titles.values())]
    corrected = judge_corrections(database, {delivery.id: copies_of(delivery, ledger) for delivery in deliveries})
    findings.corrections, seconds = corrected.states, [key for key in unknown if key in corrected.texts]
    findings.never_settled += corrected.never_settled
    findings.wrong_states += corrected.wrong_states
    findings.published_twice += [f"{key[0]}: a correction made a second post: {key[1]}" for key in seconds]
    findings.unknown_posts += [f"{key[0]}: {key[1]}" for key in unknown if key not in forgotten and key not in seconds]
    findings.published_twice += [
        f"{key[0]}: {key[1]}: {len(ledger[key])} copies" for key in forgotten if len(ledger[key]) > 1
    ]
    findings.closed_days = _count_forgotten(restored, closed, titles, forgotten)
    findings.sent_side_by_side += _find_side_by_side(events, deliveries)
    findings.changes_after_takeover += _find_overtaken(events, deliveries)
    findings.missing_guards += _find_missing_indexes(database)
    findings.asked = len({event.delivery_id for event in events if event.name == "delivery held"})
    problems = (read_recorded(event.detail.get("problem")) for event in events if event.name == "delivery held")
    findings.held_reasons.update(problem.code.code for problem in problems if problem is not None)
    return findings


def _judge_delivery(findings: Findings, delivery: Delivery, copies: Sequence[dict[str, Any]]) -> None:
    row = f"{delivery.pick.slot} {delivery.channel_name} (delivery {delivery.id}, {delivery.state})"
    findings.states[delivery.state] += 1
    findings.copies["2+" if len(copies) > 1 else str(len(copies))] += 1
    if len(copies) > 1:
        findings.published_twice.append(f"{row}: {len(copies)} copies, {', '.join(post['url'] for post in copies)}")
    if delivery.state not in AT_REST:
        findings.never_settled.append(f"{row}: {delivery.problem or 'no problem is recorded'}")
    if delivery.state == State.PUBLISHED and delivery.remote_id not in [post["id"] for post in copies]:
        findings.wrong_states.append(f"{row}: the platform has no such post")
    if delivery.state in UNPUBLISHED and copies:
        findings.wrong_states.append(f"{row}: it is public at {copies[0]['url']}")


def _find_lost(
    picks: Mapping[date, Pick],
    deliveries: Sequence[Delivery],
    channels: Sequence[str],
    days: Sequence[date],
    skipped: Sequence[date],
) -> list[str]:
    """Finds slots without their post, and posts without their deliveries."""
    lost = [f"{day}: nothing was picked" for day in days if day not in picks or picks[day].post_id is None]
    lost += [f"{day}: it was missed, and nobody was told" for day in skipped if day not in picks]
    there = {(delivery.pick.slot, delivery.channel_name) for delivery in deliveries}
    missing = [(day, channel) for day in days for channel in channels if (day, channel) not in there]
    return lost + [f"{day} {channel}: there is no delivery" for day, channel in missing]


def _find_side_by_side(events: Sequence[Event], deliveries: Sequence[Delivery]) -> list[str]:
    """Finds moments at which two deliveries of a channel were in flight, by the history."""
    channel_of = {delivery.id: delivery.channel_name for delivery in deliveries}
    in_flight: defaultdict[str, set[int]] = defaultdict(set)
    moments = []
    for event in events:
        state = event.name.removeprefix("delivery ")
        if event.delivery_id is None or state not in set(State):
            continue
        channel = in_flight[channel_of[event.delivery_id]]
        if state in LEASED:
            channel.add(event.delivery_id)
        else:
            channel.discard(event.delivery_id)
        if len(channel) > 1:
            moments.append(
                f"{channel_of[event.delivery_id]}: deliveries {sorted(channel)} at {event.at:%Y-%m-%d %H:%M}"
            )
    return moments


def _find_overtaken(events: Sequence[Event], deliveries: Sequence[Delivery]) -> list[str]:
    """Finds changes with an outdated fence, by the history: the fence of a delivery never goes down."""
    channel_of = {delivery.id: delivery.channel_name for delivery in deliveries}
    highest: defaultdict[int, int] = defaultdict(int)
    changes = []
    for event in events:
        fence = event.detail.get("fence")
        if event.delivery_id is None or fence is None:
            continue
        if fence < highest[event.delivery_id]:
            who = f"{event.actor or 'somebody'} with fence {fence} after {highest[event.delivery_id]}"
            changes.append(f"{channel_of[event.delivery_id]} (delivery {event.delivery_id}): {event.name} by {who}")
        highest[event.delivery_id] = max(fence, highest[event.delivery_id])
    return changes


def _find_missing_indexes(database: Database) -> list[str]:
    """Finds the unique indexes that the database has lost."""
    inspector = inspect(database.engine)
    return [
        f"the table {table.name} has lost {index.name}"
        for table in Base.metadata.sorted_tables
        for index in table.indexes
        if index.unique and index.name not in {stored["name"] for stored in inspector.get_indexes(table.name)}
    ]


def write_history(database: Database, file: Path) -> None:
    """Writes every event as a line of JSON, to be read when the database is gone with its server."""
    with database.reading() as session, file.open("w", encoding="utf-8") as lines:
        for event in session.scalars(select(Event).order_by(Event.id).execution_options(yield_per=1000)):
            line = {
                "at": event.at.isoformat(),
                "event": event.name,
                "delivery": event.delivery_id,
                "post": event.post_id,
                "actor": event.actor,
                **event.detail,
            }
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
