"""Finds the machine's own Firefox, and opens it for Playwright.

Playwright drives a Firefox as it comes by WebDriver BiDi. One command, which sets the colour scheme, is unknown to
the Firefox of a stable distribution, and Playwright opens no page without it. So Playwright is given a small program
in place of Firefox: it starts Firefox, and passes on what both say to each other but for that command, in place of
which Firefox is asked for its state. Colours can't be emulated there.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from playwright.sync_api import Browser, Playwright

NAMES = ("firefox-esr", "firefox")
UNKNOWN = b'"emulation.setMediaFeaturesOverride"'
HARMLESS = b'"session.status"'.ljust(len(UNKNOWN))
"""A command that takes any parameters, as long as the one that it stands for, so that no length changes."""
ADDRESS = re.compile(r"(WebDriver BiDi listening on ws://127\.0\.0\.1:)(\d+)")


def installed_firefox() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def open_firefox(playwright: Playwright, program: str, folder: Path, *, timeout: float) -> Browser:
    """Opens Firefox. `folder`: an empty one, for the program that stands before it. `timeout`: in milliseconds."""
    start = folder / "firefox"
    start.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{program}" "$@"\n', encoding="utf-8")
    start.chmod(0o700)
    return playwright.firefox.launch(channel="moz-firefox", executable_path=start, timeout=timeout)


def main(command: list[str]) -> int:
    """Runs Firefox, and names the address of the relay in place of its own."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as firefox:
        assert firefox.stderr
        for line in firefox.stderr:
            print(ADDRESS.sub(_named_relay, line), end="", file=sys.stderr, flush=True)  # noqa: T201 - its own output
    return firefox.returncode


def _named_relay(match: re.Match[str]) -> str:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_relay, args=(listener, int(match[2])), daemon=True).start()
    return f"{match[1]}{listener.getsockname()[1]}"


def _relay(listener: socket.socket, port: int) -> None:
    """Passes on what is said on each connection, in both directions."""
    while True:
        playwright, _address = listener.accept()
        firefox = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=_pass_answers, args=(firefox, playwright), daemon=True).start()
        threading.Thread(target=_pass_commands, args=(playwright, firefox), daemon=True).start()


def _pass_answers(firefox: socket.socket, playwright: socket.socket) -> None:
    with suppress(OSError):
        while data := firefox.recv(1 << 16):
            playwright.sendall(data)
    playwright.close()


def _pass_commands(playwright: socket.socket, firefox: socket.socket) -> None:
    """Passes on the request that opens a WebSocket, then its frames, whose contents are masked by four bytes."""
    with suppress(OSError, EOFError), playwright.makefile("rb") as stream:
        # Firefox answers only who asks for the address that it listens on.
        port = firefox.getpeername()[1]
        while line := stream.readline():
            firefox.sendall(re.sub(rb"(?i)^(host: 127\.0\.0\.1:)\d+", rb"\g<1>%d" % port, line))
            if line == b"\r\n":
                break
        while True:
            head = _read(stream, 2)
            length = head[1] & 0x7F
            longer = _read(stream, {126: 2, 127: 8}.get(length, 0))
            mask = _read(stream, 4)
            content = _masked(_read(stream, int.from_bytes(longer, "big") if longer else length), mask)
            firefox.sendall(head + longer + mask + _masked(content.replace(UNKNOWN, HARMLESS), mask))
    firefox.close()


def _read(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _masked(content: bytes, mask: bytes) -> bytes:
    """Masks a frame's content, or takes the mask away."""
    length = len(content)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return (int.from_bytes(content, "big") ^ key).to_bytes(length, "big")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
