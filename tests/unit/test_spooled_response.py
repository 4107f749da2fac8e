"""Tests that the file of a response is closed however its reader takes it."""

from __future__ import annotations

import asyncio
import tempfile
from typing import IO, Any

import pytest
from starlette.types import Message, Scope

from publisher.web import spooled_response
from publisher.web.spooled_response import SpooledResponse

SCOPE: Scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}}


class ReaderLeft(OSError):
    pass


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[IO[bytes]]:
    files: list[IO[bytes]] = []

    class Recorded(tempfile.SpooledTemporaryFile[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            files.append(self)

    monkeypatch.setattr(spooled_response, "SpooledTemporaryFile", Recorded)
    return files


async def receive() -> Message:
    return {"type": "http.request"}


def test_a_text_is_sent_whole_and_its_file_closed(opened: list[IO[bytes]]) -> None:
    sent = b""

    async def send(message: Message) -> None:
        nonlocal sent
        sent += message.get("body", b"")

    asyncio.run(SpooledResponse(["é" * 50_000, "b"])(SCOPE, receive, send))
    assert sent == ("é" * 50_000 + "b").encode()
    assert [file.closed for file in opened] == [True]


@pytest.mark.parametrize("leaves_at", ["http.response.start", "http.response.body"])
def test_the_file_is_closed_when_the_reader_leaves(opened: list[IO[bytes]], leaves_at: str) -> None:
    async def send(message: Message) -> None:
        if message["type"] == leaves_at:
            raise ReaderLeft

    with pytest.raises(Exception):  # noqa: B017, PT011 - Starlette has a name of its own for it
        asyncio.run(SpooledResponse(["a text"])(SCOPE, receive, send))
    assert [file.closed for file in opened] == [True]


def test_the_file_is_closed_when_the_text_can_not_be_made(opened: list[IO[bytes]]) -> None:
    def texts() -> Any:
        yield "a"
        raise LookupError("no more")

    with pytest.raises(LookupError):
        SpooledResponse(texts())
    assert [file.closed for file in opened] == [True]
