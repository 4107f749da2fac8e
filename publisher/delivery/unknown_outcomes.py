"""Says what a person looks for when it is unknown whether a post is public."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from publisher.core.content import Publication
from publisher.core.messages import Message, ngettext
from publisher.core.problems import Problem
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.problem_codes import UnknownOutcomeProblem


def what_to_look_for(claimed: ClaimedDelivery) -> Problem:
    """Returns what a person looks for where the program can't tell, with what to do in both cases."""
    adapted = claimed.adapted
    known = {"delivery": claimed.id, "title": adapted.title, "platform": adapted.platform}
    if claimed.sent_at is None:
        return UnknownOutcomeProblem.MAY_BE_PUBLIC(**known)
    return UnknownOutcomeProblem.MAY_BE_PUBLIC_SINCE(sent_at=claimed.sent_at, **known)


def ask_a_person(code: UnknownOutcomeProblem, claimed: ClaimedDelivery, **parameters: Any) -> Problem:
    """Makes a problem that goes on with what a person looks for."""
    return code(look=what_to_look_for(claimed).with_remedy(None), delivery=claimed.id, **parameters)


def other_record_problem(claimed: ClaimedDelivery, other: int, publication: Publication) -> Problem:
    """Says that the post which was found is the record of another delivery, and can't be the post of both."""
    url = publication.url or publication.remote_id
    return ask_a_person(UnknownOutcomeProblem.OTHER_RECORD, claimed, other=other, url=url)


def duration_text(duration: timedelta) -> Message:
    """Returns a duration as a text, such as `20 seconds`, `15 minutes`."""
    if duration < timedelta(seconds=100):
        return ngettext("{count} second", "{count} seconds", count=round(duration.total_seconds()))
    return ngettext("{count} minute", "{count} minutes", count=round(duration.total_seconds() / 60))
