"""Reads X's answers, and recognises our own post among them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.content import Account
from publisher.core.messages import Message, _
from publisher.platforms.base import Quota, QuotaKind
from publisher.platforms.errors import Unavailable
from publisher.platforms.x.problem_codes import XProblem

SHORT_LINK = re.compile(r"https?://t\.co/[A-Za-z0-9]+")
NAMES_BEFORE = re.compile(r"^(?:@\w+\s+)+")
MEDIA_LINK = re.compile(r"\s*https?://t\.co/[A-Za-z0-9]+$")
ADDRESS = r"\S*\.\S*"
INVISIBLE = frozenset({"Cc", "Cf"})
MAX_PAUSE = 10.0
WINDOWS = {
    "x-rate-limit": "15 min",
    "x-app-limit-24hour": "app, 24 h",
    "x-user-limit-24hour": "account, 24 h",
}
"""How the headers of each kind of limit begin, and what people call it."""
MAX_WINDOW = timedelta(days=2)
"""A reset further away than this is a mistake in the header."""
MAX_DIGITS = 9
LISTING = _("Reading the account's posts on X")


def is_same_post(caption: str, images: int, tweet: Mapping[str, Any], *, reply_to: str = "") -> bool:
    """Returns whether a post is this caption with so many pictures, answering `reply_to` if it is a reply.

    X escapes `&`, `<` and `>`, composes characters, puts a short link in the place of each
    address and adds one for the media. Which words it takes for addresses changes with the
    list of top-level domains; so a short link stands for any one word with a dot in it.
    """
    if len(media_keys(tweet)) != images or replied_post_id(tweet) not in (None, reply_to):
        return False
    note = tweet.get("note_tweet")
    shown = note["text"] if isinstance(note, dict) and "text" in note else tweet.get("text")
    text = str(shown or "").strip()
    candidates = {text, MEDIA_LINK.sub("", text)} if images else {text}
    if reply_to:
        # Some answers begin with the names of those who are answered, which nobody sent.
        candidates |= {NAMES_BEFORE.sub("", text)}
    sent = _plain(caption)
    return any(_pattern(candidate).fullmatch(sent) for candidate in candidates)


def _pattern(shown: str) -> re.Pattern[str]:
    pieces = SHORT_LINK.split(_plain(html.unescape(shown)))
    return re.compile(ADDRESS.join(re.escape(piece) for piece in pieces))


def _plain(text: str) -> str:
    """Returns the text in one form: composed, without invisible characters, each white space one space."""
    composed = unicodedata.normalize("NFC", text)
    visible = (
        character for character in composed if character.isspace() or unicodedata.category(character) not in INVISIBLE
    )
    return " ".join("".join(visible).split())


def next_page(page: Mapping[str, Any]) -> str | None:
    """Returns what leads to the page after this one; None after the last.

    Raises:
        Unavailable: the page does not say how many posts it holds, or not all are here: then a
            post that is not on it may exist nevertheless.
    """
    meta = page.get("meta")
    if not isinstance(meta, dict) or meta.get("result_count") != len(dicts_in(page, "data")) or page.get("errors"):
        raise Unavailable(XProblem.LISTING_INCOMPLETE(step=LISTING))
    token = meta.get("next_token")
    return str(token) if token else None


def post_id(tweet: Mapping[str, Any]) -> str:
    number = str(tweet.get("id"))
    if not number.isdecimal():
        raise Unavailable(XProblem.LISTED_POST_WITHOUT_ID(step=LISTING))
    return number


def read_account(body: object) -> Account:
    user = read_data(body)
    if not user.get("id") or not user.get("username"):
        raise Unavailable(XProblem.ACCOUNT_UNREADABLE(step=_("Asking X whose the keys are")))
    return Account(id=str(user["id"]), name=str(user["username"]), url=f"https://x.com/{user['username']}")


def read_media(body: object, what: Message | str) -> dict[str, Any]:
    """Returns an uploaded medium, which has an `id`. `what`: the step of which it is the answer."""
    media = read_data(body)
    if not str(media.get("id")).isdecimal():
        raise Unavailable(XProblem.MEDIA_WITHOUT_ID(step=what))
    return media


def read_processing(media: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what X is still doing with a medium; empty when it does nothing."""
    info = media.get("processing_info")
    return info if isinstance(info, dict) else {}


def processing_pause(processing: Mapping[str, Any]) -> float:
    """Returns the seconds until X wants to be asked again, within reason."""
    seconds = processing.get("check_after_secs")
    return min(max(float(seconds), 1.0), MAX_PAUSE) if isinstance(seconds, int | float) else 1.0


def media_keys(tweet: Mapping[str, Any]) -> list[str]:
    attached = tweet.get("attachments")
    keys = attached.get("media_keys") if isinstance(attached, dict) else None
    return [str(key) for key in keys] if isinstance(keys, list) else []


def replied_post_id(tweet: Mapping[str, Any]) -> str | None:
    """Returns the id of the post that this one replies to, where X names it."""
    replied = (
        reference.get("id")
        for reference in dicts_in(tweet, "referenced_tweets")
        if reference.get("type") == "replied_to"
    )
    return next((str(number) for number in replied), None)


def is_repost(tweet: Mapping[str, Any]) -> bool:
    """Returns whether a post only reposts another one."""
    return any(reference.get("type") == "retweeted" for reference in dicts_in(tweet, "referenced_tweets"))


def is_gone(body: object) -> bool:
    """Returns whether X says, inside a 200, that the post is not there."""
    return any(str(error.get("type", "")).endswith("resource-not-found") for error in dicts_in(body, "errors"))


def parse_instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def read_data(body: object) -> dict[str, Any]:
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}


def dicts_in(holder: object, name: str) -> list[dict[str, Any]]:
    items = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def read_quotas(headers: Mapping[str, str], method: str, route: str, now: datetime) -> list[Quota]:
    """Returns what an answer reports about the limits of its endpoint, each of which X counts by itself.

    Headers come and go; those that can't be read, or can't be true, are left out.
    """
    kind, endpoint = _endpoint(method, route)
    quotas = []
    for prefix, window in WINDOWS.items():
        maximum, remaining = (_number(headers.get(f"{prefix}-{part}")) for part in ("limit", "remaining"))
        resets_at = parse_epoch(headers.get(f"{prefix}-reset"))
        if maximum is None or remaining is None or resets_at is None:
            continue
        if remaining <= maximum and now < resets_at <= now + MAX_WINDOW:
            name = f"{endpoint}, {window}"
            quotas.append(Quota(kind=kind, name=name, maximum=maximum, remaining=remaining, resets_at=resets_at))
    return quotas


def _endpoint(method: str, route: str) -> tuple[QuotaKind, str]:
    """Returns what a request is counted as, and its endpoint without the ids in it."""
    words = [word for word in route.split("/")[2:] if not word.isdecimal()]
    if method != "POST":
        return "reading", f"reading {' '.join(words)}"
    return ("media", " ".join(words)) if words[:1] == ["media"] else ("posts", "posts")


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def parse_epoch(text: str | None) -> datetime | None:
    """Returns the instant of a header in epoch seconds; None when it can't be read."""
    try:
        return datetime.fromtimestamp(float(text), UTC) if text is not None else None
    except (ValueError, OverflowError, OSError):
        return None
