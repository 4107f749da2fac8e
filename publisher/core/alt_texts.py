"""Decides whether an alt text says anything about its picture."""

from __future__ import annotations

import re

_FILE_NAME = re.compile(
    r"\S+\.(?:jpe?g|png|tiff?|gif|webp|avif|heic)|(?:img|image|dsc|dscn|pxl|screenshot|scan)[ _-]?\d+|[0-9a-f]{16,}",
    re.IGNORECASE,
)


def is_file_name(text: str) -> bool:
    """Decides whether a text is what a camera or a program calls a file."""
    return _FILE_NAME.fullmatch(text.strip()) is not None


def is_alt_text(text: str) -> bool:
    """Decides whether a text counts as an alt text: it is not empty and no file name."""
    return bool(text.strip()) and not is_file_name(text)
