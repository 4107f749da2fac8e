"""Reads the public posts of a Mastodon account through the public API of its server, which other servers have too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from publisher.core.messages import _
from publisher.intake.fetched_pages import FetchedPages
from publisher.intake.fetched_pictures import WebPictures
from publisher.intake.html_texts import HtmlNotReadWhole, read_html
from publisher.intake.items import MAX_ITEMS, ImportedItem
from publisher.intake.problem_codes import FetchProblem
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.intake.web_request import MEGABYTE, FetchRefused, FileKind

ANSWER = FileKind(_("answer of an API"), ("application/json", "application/activity+json"), 5 * MEGABYTE, 30.0)
PAGE_SIZE = 40
MAX_TITLE = 120
PUBLIC = frozenset({"public", "unlisted"})
PLATFORM = "mastodon"
NO_API = frozenset({FetchProblem.NOT_THERE, FetchProblem.STATUS, FetchProblem.WRONG_TYPE, FetchProblem.ROBOTS})
"""Why there is no API to read: the server does not know the address, or keeps it from programs."""
_PROFILE = re.compile(r"/@([A-Za-z0-9_.-]{1,100}(?:@[A-Za-z0-9.-]{1,200})?)/?$")
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}$")
_SIGN_OR_LINK = re.compile(r"\\(.)|\[((?:[^\[\]\\]|\\.)*)\]\([^)]*\)")


class MastodonAccount:
    """Reads the posts of one account; replies, and what it passed on of others, are none."""

    def __init__(self, address: str, settings: SourceSettings, pages: FetchedPages, pictures: WebPictures) -> None:
        """`address`: of the account's profile."""
        parts = urlsplit(address)
        self._server, self._address = f"{parts.scheme}://{parts.netloc}", address
        self._pages, self._pictures = pages, pictures
        given = "platform" in settings.model_fields_set
        known = settings if given else settings.model_copy(update={"platform": PLATFORM})
        self._reader = RecordReader(known, pictures)

    def find(self) -> str | None:
        """Returns the id of the account. None: its server has no such API, or keeps it from programs.

        Raises:
            FetchRefused: the server must not be asked, or gives no answer now.
        """
        name = _PROFILE.search(urlsplit(self._address).path)
        if name is None:
            return None
        try:
            found = self._ask(f"/api/v1/accounts/lookup?acct={quote(name[1])}")
        except FetchRefused as refusal:
            if refusal.is_lasting and refusal.problem.code in NO_API:
                return None
            raise
        account = str(found.get("id", "")) if isinstance(found, dict) else ""
        return account if _ID.match(account) else None

    def items(self, account: str) -> Iterator[ImportedItem]:
        """Yields an item for each post, the newest first. Raises FetchRefused."""
        query, oldest = f"/api/v1/accounts/{account}/statuses?exclude_replies=true&exclude_reblogs=true", ""
        for _page in range(MAX_ITEMS // PAGE_SIZE + 1):
            statuses = self._ask(f"{query}&limit={PAGE_SIZE}{f'&max_id={oldest}' if oldest else ''}")
            known = [status for status in statuses if isinstance(status, dict)] if isinstance(statuses, list) else []
            yield from (self._item(status) for status in known if _is_own(status))
            last = str(known[-1].get("id", "")) if known else ""
            if not _ID.match(last) or last == oldest:
                return
            oldest = last

    def _ask(self, path: str) -> Any:
        url, content = self._pages.fetch(f"{self._server}{path}", ANSWER)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise FetchRefused(FetchProblem.WRONG_TYPE(address=url, found=_("no JSON"), wanted=ANSWER.name)) from None

    def _item(self, status: Mapping[str, Any]) -> ImportedItem:
        place = str(status.get("url") or status.get("uri") or status.get("id", ""))
        try:
            blocks = read_html(str(status.get("content") or ""), self._server).blocks
        except HtmlNotReadWhole as refusal:
            return ImportedItem(place, place, problems=(refusal.problem,))
        title, body = first_line_as_title(blocks)
        media = status.get("media_attachments")
        record = {
            "address": place,
            "date": str(status.get("created_at") or "")[:10],
            "title": title,
            # What the account warns of before the text.
            "standfirst": " ".join(str(status.get("spoiler_text") or "").split()),
            "body": body,
            "language": str(status.get("language") or "")[:2],
            "tags": [str(tag.get("name", "")) for tag in _tables(status.get("tags"))],
            "images": [image for medium in _tables(media) if (image := self._image(medium)) is not None],
        }
        return self._reader.read(record, place, place)

    def _image(self, medium: Mapping[str, Any]) -> dict[str, str] | None:
        if medium.get("type") != "image":
            return None
        addresses = [str(medium[name]) for name in ("url", "remote_url", "preview_url") if medium.get(name)]
        if not addresses:
            return None
        return {"file": self._pictures.choose(addresses), "alt": " ".join(str(medium.get("description") or "").split())}


def is_profile(address: str) -> bool:
    """Decides whether an address may be that of an account on a Mastodon server."""
    try:
        return _PROFILE.search(urlsplit(address).path) is not None
    except ValueError:
        return False


def _is_own(status: Mapping[str, Any]) -> bool:
    is_public = status.get("visibility", "public") in PUBLIC
    return is_public and not status.get("reblog") and not status.get("in_reply_to_id")


def first_line_as_title(blocks: list[str]) -> tuple[str, list[str]]:
    """Returns a title and the paragraphs. The first line is the title; of a longer one its beginning is."""
    if not blocks:
        return "", []
    first, _line, rest = blocks[0].partition("\n")
    plain = _SIGN_OR_LINK.sub(_plain, first).replace("**", "").strip()
    if len(plain) <= MAX_TITLE and "](" not in first:
        return plain, [*([rest] if rest else []), *blocks[1:]]
    begin = plain if len(plain) <= MAX_TITLE else f"{plain[:MAX_TITLE].rpartition(' ')[0] or plain[:MAX_TITLE]}…"
    return begin, blocks


def _plain(found: re.Match[str]) -> str:
    """Returns a sign without its backslash, or the label of a link."""
    sign, label = found.groups()
    return sign if label is None else re.sub(r"\\(.)", r"\1", label)


def _tables(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
