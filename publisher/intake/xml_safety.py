"""Refuses XML that declares entities: a few lines of them expand to gigabytes, or read files of this machine."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.posts.errors import PostError

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def refuse_entities(name: str, content: bytes) -> None:
    """Raises PostError for XML that declares entities, and for what is no XML in a usual encoding.

    `name`: of the file or the address, for people.
    """
    # UTF-16 has a NUL beside each of these letters. In what else a parser knows, XML would not begin with its sign.
    plain = content.replace(b"\0", b"")
    for mark in _MARKS:
        plain = plain.removeprefix(mark)
    if not plain.lstrip().startswith(b"<"):
        raise PostError(_("{file} is no XML; save the feed or the export itself", file=name))
    if b"<!entity" in plain.lower():
        raise PostError(_("{file} declares entities, which are not read; save it without its DOCTYPE", file=name))
