"""Says what a person looks for when it is unknown whether a post is public, and which commands lead on."""

from __future__ import annotations

from datetime import timedelta

from publisher.core.content import Publication
from publisher.delivery.claim import ClaimedDelivery

OTHER_RECORD = "The post that looks like this one is the record of delivery {other} already: {url}."


def what_to_look_for(claimed: ClaimedDelivery) -> str:
    """Returns what a person looks for where the program can't tell, and the commands for both answers."""
    when = f" sent at {claimed.sent_at:%Y-%m-%d %H:%M} UTC" if claimed.sent_at else ""
    adapted = claimed.adapted
    return (
        f"It is not known whether the post is public: look for “{adapted.title}”{when} on {adapted.platform}. "
        f"If it is there: publisher adopt {claimed.id} LINK. "
        f"If it is not: publisher retry {claimed.id} --i-have-looked."
    )


def describe_other_record(claimed: ClaimedDelivery, other: int, publication: Publication) -> str:
    """Says that the post which was found is the record of another delivery, and can't be the post of both."""
    return (
        f"{OTHER_RECORD.format(other=other, url=publication.url or publication.remote_id)} {what_to_look_for(claimed)}"
    )


def format_duration(duration: timedelta) -> str:
    """Formats a duration, such as `20 seconds`, `15 minutes`."""
    if duration < timedelta(seconds=100):
        return f"{round(duration.total_seconds())} seconds"
    minutes = round(duration.total_seconds() / 60)
    return f"{minutes} minutes" if minutes != 1 else "1 minute"
