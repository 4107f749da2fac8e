"""Reads plain files of a bounded size, and refuses devices and pipes, which might never end or never answer."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from publisher.core.messages import Message, _, ngettext

MIB = 1 << 20
CONFIGURATION_BYTES = MIB
TEMPLATE_BYTES = MIB // 4
PEOPLE_BYTES = 4 * MIB
SECRET_BYTES = MIB // 16
SESSION_BYTES = MIB
CERTIFICATES_BYTES = 4 * MIB
MANIFEST_BYTES = 64 * MIB
REPORT_BYTES = MIB


class UnfitFile(OSError):
    """A file is too large, or no plain file. `strerror` is a clause that goes on after the file's name."""


def read_bytes(file: Path, limit: int) -> bytes:
    """Returns the content of a plain file of at most `limit` bytes.

    Raises:
        UnfitFile: it is a folder, a device, a pipe or a socket, or larger.
        OSError: it can't be read.
    """
    # To open a socket fails without saying why, and to open a device can do something to it.
    _require_plain(file, os.stat(file).st_mode)
    # Without waiting: to open a pipe would take until somebody writes to it.
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_plain(file, os.fstat(handle).st_mode)
    except UnfitFile:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as opened:
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise UnfitFile(errno.EFBIG, _("it is larger than {size}", size=_format_size(limit)), str(file))
    return content


def read_text(file: Path, limit: int, encoding: str = "utf-8") -> str:
    """Returns the text of a plain file of at most `limit` bytes, its line ends made `\\n`.

    Raises:
        UnfitFile: it is no plain file, or larger.
        UnicodeDecodeError: it is no text in this encoding.
        OSError: it can't be read.
    """
    return read_bytes(file, limit).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def describe_no_plain_file(mode: int) -> Message | None:
    """Says in a clause what a file is instead of a plain one, by its mode; None: it is a plain file."""
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return _("it is no plain file but a folder")
    if stat.S_ISFIFO(mode):
        return _("it is no plain file but a pipe")
    if stat.S_ISSOCK(mode):
        return _("it is no plain file but a socket")
    return _("it is no plain file but a device")


def _require_plain(file: Path, mode: int) -> None:
    if why := describe_no_plain_file(mode):
        raise UnfitFile(errno.EINVAL, why, str(file))


def _format_size(count: int) -> Message | str:
    if count >= MIB:
        return f"{count // MIB} MiB"
    return f"{count >> 10} KiB" if count >= 1024 else ngettext("{count} byte", "{count} bytes", count=count)


def check_plain_file(file: Path, limit: int) -> None:
    """Raises UnfitFile for what `read_bytes` would not read, for files that a library opens by their name."""
    status = file.stat()
    _require_plain(file, status.st_mode)
    if status.st_size > limit:
        raise UnfitFile(errno.EFBIG, _("it is larger than {size}", size=_format_size(limit)), str(file))
