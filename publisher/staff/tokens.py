"""Random keys that a browser or a program holds; the database keeps their hash alone."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    return secrets.token_urlsafe(32)


def new_form_key(person_id: int) -> str:
    """Makes the key that a session's forms are sent with; it says whose it is."""
    return f"{person_id}.{new_token()}"


def is_form_key_of(person_id: int, key: str) -> bool:
    """Returns whether a key has the form of this person's keys. It says nothing of whether the key is right."""
    return key.startswith(f"{person_id}.")


def hash_of(token: str) -> str:
    """What the database keeps. The token has 256 random bits: a plain hash can't be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()
