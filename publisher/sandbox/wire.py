"""Defines the requests and answers of the sandbox platforms, whatever server carries them."""

from __future__ import annotations

import email.message
import email.policy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Holds one part of a multipart body."""

    name: str
    file_name: str | None
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Holds a whole request. Header names are lower case."""

    method: str
    url: str
    """As the client wrote it: scheme, host, port, path and query."""
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def mime_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Reads the body as JSON. Raises ValueError."""
        return read_json(self.body)

    def form(self) -> dict[str, str]:
        """Reads the body as a URL-encoded form; bytes that are no text become question marks."""
        return dict(parse_qsl(self.body.decode("utf-8", errors="replace"), keep_blank_values=True))

    def parts(self) -> list[Part]:
        """Reads the parts of a multipart body, in order."""
        head = b"Content-Type: " + self.headers.get("content-type", "").encode() + b"\r\n\r\n"
        message = email.message_from_bytes(head + self.body, policy=email.policy.HTTP)
        return [_part(part) for part in message.iter_parts()] if message.is_multipart() else []


def read_json(text: str | bytes) -> Any:
    """Reads JSON from outside. Raises ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def read_object(text: str | bytes) -> dict[str, Any]:
    """Reads a JSON object from outside; what is none counts as an empty one."""
    try:
        value = read_json(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _part(part: email.message.Message) -> Part:
    content = part.get_payload(decode=True)
    return Part(
        name=str(part.get_param("name", header="content-disposition") or ""),
        file_name=part.get_filename(),
        mime_type=part.get_content_type(),
        content=content if isinstance(content, bytes) else b"",
    )


class DrippingPart(Enum):
    """Names the part of an answer that is sent byte by byte."""

    HEAD = auto()
    BODY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    """Seconds to wait before the first byte."""
    cut_at: int | None = None
    """Drop the connection after so many bytes of the body; 0 drops it before the status line."""
    drips: DrippingPart | None = None
    """The part that is sent byte by byte, with everything after it. None: all is sent at once."""
    seconds_per_byte: float = 0.0
    silent: bool = False
    """Send nothing, and close when the client does."""

    @classmethod
    def of_json(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(
            status=status, headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body=body
        )

    @classmethod
    def of_text(cls, status: int, text: str, mime_type: str = "text/plain") -> Answer:
        return cls(status=status, headers={"Content-Type": f"{mime_type}; charset=utf-8"}, body=text.encode())

    def cut(self, at: int) -> Answer:
        return replace(self, cut_at=at)

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        return replace(self, headers={**self.headers, **headers})

    def dripping(self, part: DrippingPart, seconds_per_byte: float) -> Answer:
        return replace(self, drips=part, seconds_per_byte=seconds_per_byte)

    def delayed(self, seconds: float) -> Answer:
        return replace(self, delay=seconds)
