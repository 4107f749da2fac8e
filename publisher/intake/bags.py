"""Writes and checks bags: folders of files with a checksum for each (BagIt 1.0, RFC 8493).

The library of the format, bagit 1.9, writes version 0.97 and changes the working folder of the whole process to do so;
what is needed of the format here is a manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from publisher.core.disk_files import file_sha256
from publisher.core.file_reading import MANIFEST_BYTES, read_bytes
from publisher.core.messages import Message, _
from publisher.posts.errors import PostError, unreadable_file

DECLARATION = "bagit.txt"
INFO = "bag-info.txt"
PAYLOAD = "data"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
_DECLARED = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+(.+)")
_LINE_END = re.compile(r"\r\n|\n|\r")
"""The line ends of the format. A name may have other signs that end lines elsewhere."""


class BagDamaged(PostError):
    """Says which file of a bag is not what its manifest says."""

    code = "bag-damaged"


def write_bag(folder: Path, info: Mapping[str, str]) -> None:
    """Makes a bag of a folder whose payload is in `data/` already. `info`: what is said of it, by name."""
    payload = sorted(path for path in (folder / PAYLOAD).rglob("*") if path.is_file())
    oxum = f"{sum(path.stat().st_size for path in payload)}.{len(payload)}"
    _write(folder / DECLARATION, _DECLARED)
    _write(folder / INFO, "".join(f"{name}: {value}\n" for name, value in {**info, "Payload-Oxum": oxum}.items()))
    _write(folder / MANIFEST, "".join(_manifest_line(folder, path) for path in payload))
    tags = sorted(folder / name for name in (DECLARATION, INFO, MANIFEST))
    _write(folder / TAG_MANIFEST, "".join(_manifest_line(folder, path) for path in tags))


def is_bag(folder: Path) -> bool:
    """Decides whether a folder says that it is a bag."""
    return (folder / DECLARATION).is_file()


def check_bag(folder: Path) -> None:
    """Reads every file of a bag. Raises BagDamaged for the first that is missing, changed or not listed."""
    try:
        _check(folder)
    except OSError as error:
        raise unreadable_file(str(folder), error) from error


def _check(folder: Path) -> None:
    if (folder / "fetch.txt").exists():
        raise _damaged(folder, _("it names files that are elsewhere; get a bag that holds all of them"))
    listed = _read_manifest(folder, MANIFEST)
    present = {path.relative_to(folder).as_posix() for path in (folder / PAYLOAD).rglob("*") if path.is_file()}
    if extra := sorted(present - listed.keys()):
        raise _damaged(folder, _("{file} is in no list of its files", file=extra[0]))
    tags = _read_manifest(folder, TAG_MANIFEST) if (folder / TAG_MANIFEST).exists() else {}
    for name, digest in {**tags, **listed}.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise _damaged(folder, _("{file} leads out of it", file=name))
        if not path.is_file():
            raise _damaged(folder, _("{file} is missing", file=name))
        if file_sha256(path) != digest:
            raise _damaged(folder, _("{file} was changed: its checksum is another one", file=name))


def _read_manifest(folder: Path, name: str) -> dict[str, str]:
    if not (folder / name).is_file():
        raise _damaged(folder, _("{file} is missing", file=name))
    listed = {}
    for number, line in enumerate(_LINE_END.split(_text_of(folder, name)), start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        path = PurePosixPath(unquote(found[2])) if found else None
        if found is None or path is None or path.is_absolute() or ".." in path.parts:
            raise _damaged(folder, _("line {number} of {file} can't be read", number=number, file=name))
        listed[path.as_posix()] = found[1].lower()
    return listed


def _text_of(folder: Path, name: str) -> str:
    try:
        return read_bytes(folder / name, MANIFEST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _damaged(folder, _("{file} is no text", file=name)) from None


def _damaged(folder: Path, why: Message) -> BagDamaged:
    return BagDamaged(
        _("{folder} is not the bag that was made: {why}; copy it again from where it is whole", folder=folder, why=why)
    )


def _manifest_line(folder: Path, path: Path) -> str:
    name = path.relative_to(folder).as_posix()
    escaped = name.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
    return f"{file_sha256(path)}  {escaped}\n"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")
