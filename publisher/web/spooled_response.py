"""Answers with a text that is written to a temporary file first, so that a slow reader holds no transaction."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

MEMORY_BYTES = 1_000_000
"""A longer text is on the disk."""
CHUNK_BYTES = 64_000


class SpooledResponse(StreamingResponse):
    """Sends a text piece by piece, and closes its file whether or not the reader took all of it, or any."""

    def __init__(self, texts: Iterable[str], **options: Any) -> None:
        self._file = _write(texts)
        super().__init__(iter(partial(self._file.read, CHUNK_BYTES), b""), **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _write(texts: Iterable[str]) -> IO[bytes]:
    file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - the response closes it
    try:
        for text in texts:
            file.write(text.encode())
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
