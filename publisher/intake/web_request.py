"""Sends one request to a machine that was checked, and bounds what comes back.

What comes is bounded in size and time, packed or not, and must be of the kind that was asked for. A redirect is not
followed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from typing import BinaryIO

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from publisher.core.clock import monotonic
from publisher.core.messages import Message, _
from publisher.core.network_errors import describe_failure
from publisher.core.problems import Problem
from publisher.core.public_hosts import ResolvedHost, close_after
from publisher.intake.problem_codes import FetchProblem
from publisher.posts.errors import PostError
from publisher.posts.pictures import MAX_PICTURE_BYTES

MAX_ADDRESSES = 2
STEP_SECONDS = 15.0
"""For each single step: to connect, to send, to receive the next bytes."""
CHUNK = 65_536
MEGABYTE = 1_000_000
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since"})
"""The headers to which a server may answer 304; without them it is no answer."""
GONE = frozenset({404, 410})
LATER = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class FileKind:
    """Says what may come from an address."""

    name: Message
    """As in "it is no NAME"."""
    media_types: tuple[str, ...]
    """Beginnings of the media types; empty: any."""
    max_bytes: int
    """Unpacked."""
    seconds: float


FEED_TYPES = ("application/atom", "application/rss", "application/xml", "application/rdf", "text/xml", "text/plain")
PAGE_TYPES = ("text/html", "application/xhtml")
PAGE = FileKind(_("web page"), PAGE_TYPES, 5 * MEGABYTE, 30.0)
FEED = FileKind(_("feed"), (*FEED_TYPES, *PAGE_TYPES), 50 * MEGABYTE, 60.0)
PICTURE = FileKind(_("picture"), ("image/", "application/octet-stream", "binary/"), MAX_PICTURE_BYTES, 180.0)
ROBOTS = FileKind(_("text"), (), MEGABYTE // 2, 15.0)


class FetchRefused(PostError):
    """Says why something was not fetched; the text is a `FetchProblem`."""

    code = "fetch-refused"

    def __init__(self, problem: Problem, *, retry_after: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.retry_after = retry_after
        """What the server says of when to come again."""

    @property
    def is_lasting(self) -> bool:
        """Decides whether it is about the address, rather than about the server's state now."""
        problem = self.problem
        if problem.code is FetchProblem.NO_ROBOTS:
            problem = problem.parameters["why"]
        return problem.code not in (FetchProblem.NO_ANSWER, FetchProblem.LATER, FetchProblem.TOO_SLOW) and not (
            problem.code is FetchProblem.STATUS and problem.parameters["status"] >= 500
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds what a server answered; the content is in the file that was given."""

    url: str
    """Where it was in the end."""
    status: int
    """200, or 304: it is as it was."""
    headers: Mapping[str, str]
    """Their names in small letters."""


class WebRequest:
    """Sends one request to the addresses of a host that were checked."""

    def __init__(self, place: ResolvedHost, url: str, kind: FileKind, headers: Mapping[str, str]) -> None:
        self._place, self._url, self._kind = place, url, kind
        packing = "identity" if kind is PICTURE else "gzip, identity"
        accepted = ", ".join((*(f"{name}*" if name.endswith("/") else name for name in kind.media_types), "*/*;q=0.1"))
        self._headers = {
            "Host": place.url.netloc or "", "Accept": accepted, "Accept-Encoding": packing, **headers,
        }  # fmt: skip

    def send(self, into: BinaryIO) -> Answer:
        failure: Exception = OSError()
        deadline = monotonic() + self._kind.seconds
        for address in self._place.addresses[:MAX_ADDRESSES]:
            connection = self._place.connection(address, min(STEP_SECONDS, self._kind.seconds))
            reached = False
            try:
                with close_after(connection, deadline - monotonic()):
                    connection.connect()
                reached = True
                with close_after(connection.sock, deadline - monotonic()):
                    connection.request("GET", self._place.url.request_uri, None, self._headers, preload_content=False)
                    with closing(connection.getresponse()) as response:
                        return self._read(response, into, deadline)
            except FetchRefused:
                raise
            except (HTTPError, HTTPException, OSError, ValueError) as error:
                failure = error
            finally:
                connection.close()
            if monotonic() >= deadline:
                raise self._too_slow()
            if reached:
                break
        why = describe_failure(failure)
        raise FetchRefused(FetchProblem.NO_ANSWER(address=shown_address(self._url), why=why)) from failure

    def _read(self, response: BaseHTTPResponse, into: BinaryIO, deadline: float) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(self._url, response.status, headers)
        if response.status in REDIRECTS or (response.status == 304 and CONDITIONS.intersection(self._headers)):
            return answer
        if response.status != 200:
            raise self._refusal_of_status(answer)
        self._check_type(headers.get("content-type", ""))
        size = 0
        for content in self._unpacked(response, headers.get("content-encoding", ""), deadline):
            size += len(content)
            if size > self._kind.max_bytes:
                raise self._too_large()
            into.write(content)
        return answer

    def _unpacked(self, response: BaseHTTPResponse, packing: str, deadline: float) -> Iterator[bytes]:
        packing = packing.strip().lower()
        if packing in ("", "identity"):
            yield from self._chunks(response, deadline)
        elif packing in ("gzip", "x-gzip"):
            yield from self._ungzipped(response, deadline)
        else:
            raise FetchRefused(FetchProblem.PACKED(address=shown_address(self._url), packing=packing[:40]))

    def _ungzipped(self, response: BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
        # A few kilobytes unpack to gigabytes: no more is unpacked in one step than is looked at.
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            for packed in self._chunks(response, deadline):
                rest = packed
                while rest and not unpacker.eof:
                    yield unpacker.decompress(rest, CHUNK)
                    rest = unpacker.unconsumed_tail
                if unpacker.eof:
                    return  # What comes behind its end is no part of it.
            yield unpacker.flush()
        except zlib.error:
            raise FetchRefused(FetchProblem.PACKED(address=shown_address(self._url), packing="gzip")) from None
        if not unpacker.eof:
            why = describe_failure(HTTPException())
            raise FetchRefused(FetchProblem.NO_ANSWER(address=shown_address(self._url), why=why))

    def _chunks(self, response: BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
        if int(response.headers.get("content-length") or 0) > self._kind.max_bytes:
            raise self._too_large()
        size = 0
        while chunk := response.read(CHUNK, decode_content=False):
            size += len(chunk)
            if size > self._kind.max_bytes:
                raise self._too_large()
            if monotonic() >= deadline:
                raise self._too_slow()
            yield chunk
        # A connection that was closed for its slowness ends like a whole answer that names no length.
        if monotonic() >= deadline:
            raise self._too_slow()

    def _check_type(self, content_type: str) -> None:
        found = content_type.partition(";")[0].strip().lower()
        if found and self._kind.media_types and not found.startswith(self._kind.media_types):
            raise FetchRefused(
                FetchProblem.WRONG_TYPE(address=shown_address(self._url), found=found[:60], wanted=self._kind.name)
            )

    def _refusal_of_status(self, answer: Answer) -> FetchRefused:
        values = {"address": shown_address(self._url), "status": answer.status}
        if answer.status in LATER:
            return FetchRefused(FetchProblem.LATER(**values), retry_after=answer.headers.get("retry-after", ""))
        code = FetchProblem.NOT_THERE if answer.status in GONE else FetchProblem.STATUS
        return FetchRefused(code(**values))

    def _too_large(self) -> FetchRefused:
        limit = f"{self._kind.max_bytes / MEGABYTE:g}"
        return FetchRefused(FetchProblem.TOO_LARGE(address=shown_address(self._url), limit=limit))

    def _too_slow(self) -> FetchRefused:
        return FetchRefused(FetchProblem.TOO_SLOW(address=shown_address(self._url), limit=f"{self._kind.seconds:g}"))


def shown_address(url: str) -> str:
    """Returns an address as sentences quote it."""
    plain = "".join(letter for letter in url if letter.isprintable())
    return plain if len(plain) <= 300 else f"{plain[:300]}…"
