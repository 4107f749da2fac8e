"""Random keys that a browser or a program holds; the database keeps their hash alone."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What the database keeps. The token has 256 random bits: a plain hash can't be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()
