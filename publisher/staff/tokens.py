"""Makes the random tokens of browsers and programs; the database stores only their hashes."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Makes a random token."""
    return secrets.token_urlsafe(32)


def new_form_key(person_id: int) -> str:
    """Makes the key that a session's forms are sent with; it names its person."""
    return f"{person_id}.{new_token()}"


def is_form_key_of(person_id: int, key: str) -> bool:
    """Decides whether a key has the form of this person's keys; it does not check that the key is right."""
    return key.startswith(f"{person_id}.")


def hash_of(token: str) -> str:
    """Returns the hash that the database stores. A plain hash is enough for a token of 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
