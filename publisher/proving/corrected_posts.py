"""Compares the corrections in the database with what the platforms show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from publisher.core.content import AdaptedPost
from publisher.core.states import OPEN_CORRECTIONS, CorrectionState
from publisher.db.corrections import Correction
from publisher.db.models import Delivery
from publisher.db.session import Database


@dataclass(slots=True)
class CorrectionFindings:
    """Holds what was found about corrections: the lists have one sentence per row; empty is good."""

    states: Counter[str] = field(default_factory=Counter)
    never_settled: list[str] = field(default_factory=list)
    wrong_states: list[str] = field(default_factory=list)
    texts: set[tuple[str, str]] = field(default_factory=set)
    """Platform and caption of each text to which a post was to be corrected: a post that began with one is a second
    post."""


def plain_caption(text: str) -> str:
    """Returns a caption without its line breaks, which each platform stores in its own way."""
    return " ".join(text.split())


def first_caption(post: Mapping[str, Any]) -> str:
    """Returns what a public post said when it was published, before any correction."""
    edits = post.get("edits") or ()
    return str(edits[0]["caption"] if edits else post["caption"])


def judge_corrections(database: Database, shown: Mapping[int, Sequence[Mapping[str, Any]]]) -> CorrectionFindings:
    """Judges the corrections. `shown`: the public posts of each delivery."""
    findings = CorrectionFindings()
    of_delivery: defaultdict[int, list[Correction]] = defaultdict(list)
    with database.reading() as session:
        for correction in session.scalars(select(Correction).order_by(Correction.id)):
            of_delivery[correction.delivery_id].append(correction)
        deliveries = {row.id: row for row in session.scalars(select(Delivery).where(Delivery.id.in_(of_delivery)))}
    for number, corrections in of_delivery.items():
        for correction in corrections:
            after = AdaptedPost.model_validate(correction.after)
            findings.states[correction.state] += 1
            findings.texts.add((after.platform, plain_caption(after.caption)))
            if correction.state in OPEN_CORRECTIONS:
                findings.never_settled.append(f"{_name(correction)}: {correction.problem or 'no problem is recorded'}")
        for post in shown.get(number, ()):
            findings.wrong_states += _find_wrong_states(post, deliveries[number], corrections)
    return findings


def _find_wrong_states(post: Mapping[str, Any], delivery: Delivery, corrections: Sequence[Correction]) -> list[str]:
    """Finds a public post that says something else than its corrections do."""
    done = [row for row in corrections if row.state == CorrectionState.DONE]
    possible = [row for row in corrections if row.state in OPEN_CORRECTIONS or row.lost_at is not None]
    present = AdaptedPost.model_validate(done[-1].after if done else delivery.adapted)
    texts = [present, *(AdaptedPost.model_validate(row.after) for row in possible if not done or row.id > done[-1].id)]
    if _shown_text(post) in [_expected_text(text) for text in texts]:
        return []
    last = corrections[-1]
    return [f"{_name(last)}: followers read “{plain_caption(post['caption'])}” at {post['url']}"]


def _expected_text(adapted: AdaptedPost) -> tuple[str, list[str]]:
    return plain_caption(adapted.caption), [image.alt_text for image in adapted.images]


def _shown_text(post: Mapping[str, Any]) -> tuple[str, list[str]]:
    return plain_caption(post["caption"]), [image["alt_text"] or "" for image in post["images"]]


def _name(correction: Correction) -> str:
    return (
        f"correction {correction.id} of delivery {correction.delivery_id} on {correction.channel_name} "
        f"({correction.state})"
    )
