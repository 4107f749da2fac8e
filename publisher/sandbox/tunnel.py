"""Carries bytes through a CONNECT proxy, and can cut or slow them."""

from __future__ import annotations

import asyncio
import contextlib

CHUNK_BYTES = 64 * 1024


class Tunnel:
    """Carries bytes between a client and the server until one of them or a fault ends it."""

    def __init__(
        self,
        client_reader: asyncio.StreamReader,
        client_writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self.seconds_per_byte = 0.0
        """Above 0, what the server sends drips from now on."""
        self._aborted = asyncio.Event()
        self._client_writer = client_writer
        self._server_writer = server_writer
        self._server_reader = server_reader
        self._up = asyncio.create_task(self._carry_up(client_reader))

    async def run(self) -> None:
        """Carries bytes until the server closes."""
        try:
            with contextlib.suppress(OSError):
                await self._carry_down()
        finally:
            self._up.cancel()
            await asyncio.wait({self._up})
            self._server_writer.close()

    async def _carry_down(self) -> None:
        while data := await self._server_reader.read(CHUNK_BYTES):
            pieces = [bytes([byte]) for byte in data] if self.seconds_per_byte else [data]
            for piece in pieces:
                if await happens_within(self._aborted, self.seconds_per_byte):
                    return
                self._client_writer.write(piece)
                await self._client_writer.drain()

    async def _carry_up(self, client_reader: asyncio.StreamReader) -> None:
        # The server closes when it sees the end, and what it sent before still reaches the client.
        try:
            await _copy(client_reader, self._server_writer)
        finally:
            with contextlib.suppress(OSError):
                self._server_writer.write_eof()

    def abort(self) -> None:
        """Drops both ends at once; bytes under way are lost."""
        self._aborted.set()
        self._client_writer.transport.abort()
        self._server_writer.transport.abort()

    def end(self) -> None:
        """Closes the server's end; what it has sent until now still reaches the client."""
        self._up.cancel()


async def happens_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits for an event, and tells whether it happened within these seconds."""
    if not seconds:
        return event.is_set()
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
