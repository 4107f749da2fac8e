"""Hashes and checks passwords with Argon2id."""

from __future__ import annotations

import secrets
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from zxcvbn import zxcvbn

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import _

MIN_LENGTH = 12
MAX_LENGTH = 256
MAX_ESTIMATED_CHARACTERS = 72
"""The number of characters that are checked for easy guesses."""
MIN_SCORE = 3
"""Of zxcvbn's four: at least a hundred million guesses, by lists of common passwords, names, words, dates and keys."""
PROGRAM_WORDS = ("publisher",)
"""Words that an attacker would try first at this program."""

_HASHER = PasswordHasher()


def _make_dummy_hash() -> str:
    """Makes a hash of no known password that is as costly to check as a real one, without hashing."""
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (_HASHER.salt_len, _HASHER.hash_len)
    )
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_DUMMY_HASH = _make_dummy_hash()


class WeakPassword(UserError):
    """Refuses a password; the message is one sentence."""

    code = "weak-password"
    kind = ErrorKind.INVALID


def hash_password(password: str, *, about: tuple[str, ...] = ()) -> str:
    """Hashes a new password. `about`: the person's own name and address, which are refused as passwords.

    Raises:
        WeakPassword: it is too short, too long, or too easily guessed.
    """
    if len(password) < MIN_LENGTH:
        raise WeakPassword(
            _(
                "A password has at least {minimum} characters; a few words are easy to remember.",
                minimum=MIN_LENGTH,
            )
        )
    if len(password) > MAX_LENGTH:
        raise WeakPassword(_("A password has at most {maximum} characters.", maximum=MAX_LENGTH))
    if len(set(password)) < 5 or any(password.casefold() == word.casefold() for word in about):
        raise WeakPassword(_("That password is too easily guessed; a few words that don't belong together are not."))
    if zxcvbn(password[:MAX_ESTIMATED_CHARACTERS], user_inputs=[*about, *PROGRAM_WORDS])["score"] < MIN_SCORE:
        raise WeakPassword(
            _("That password is among the first that are tried; take a few words that don't belong together.")
        )
    return _HASHER.hash(password)


def rehash_password(password: str) -> str:
    """Hashes a password that is in use already, even if it would be refused as a new one by now."""
    return _HASHER.hash(password)


def is_correct_password(password: str, stored_hash: str | None) -> bool:
    """Decides whether the password belongs to the hash. It takes as long without a hash (None)."""
    try:
        matches = _HASHER.verify(stored_hash or _DUMMY_HASH, password[:MAX_LENGTH])
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored_hash is not None


def is_outdated_hash(stored_hash: str) -> bool:
    """Decides whether the hash was made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(stored_hash)
