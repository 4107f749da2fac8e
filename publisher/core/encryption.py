"""Secrets that lie in the database: sealed with a key that never does.

`PUBLISHER_KEY` holds one key or several: the first seals, each of them opens. So a key is replaced
without a pause: put the new one before the old one, `publisher key rotate`, drop the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from publisher.core.errors import SettingsError
from publisher.core.secret_reading import read_secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_VARIABLE = "PUBLISHER_KEY"


class SealError(SettingsError):
    """Nothing can be sealed or opened with the keys at hand; the message is one sentence without any of them."""

    code = "key-unusable"


class WrongKey(SealError):
    """None of the keys opens what was sealed, or it was sealed for another purpose."""

    code = "key-wrong"


class Seal:
    """Seals texts and opens them again."""

    def __init__(self, keys: str) -> None:
        """`keys`: one or more, with spaces, line ends or commas between them.

        Raises:
            SealError: there is none, or one of them is no key.
        """
        # Loaded here, because it takes 6 MiB, and many desks seal nothing.
        from cryptography.fernet import MultiFernet  # noqa: PLC0415

        self._keys = MultiFernet([_key(number, key) for number, key in enumerate(_split(keys), start=1)])

    @classmethod
    def from_environment(cls) -> Self:
        """With the keys of `PUBLISHER_KEY`, or of the file that `PUBLISHER_KEY_FILE` names.

        Raises:
            SealError: it is not set, or holds something else than keys.
            SettingsError: the file can't be read.
        """
        return cls(read_secret(KEY_VARIABLE) or "")

    def seal(self, text: str, purpose: str) -> str:
        """`text` so that only a key opens it, and only for the same purpose, such as `session x`.

        Without a purpose somebody who can write to the database could put one secret in the place of another.
        """
        return self._keys.encrypt(f"{purpose}\n{text}".encode()).decode()

    def unseal(self, sealed: str, purpose: str) -> str:
        """The text that was sealed for this purpose.

        Raises:
            WrongKey: no key opens it, it was changed, or it was sealed for another purpose.
        """
        found, _, text = self._open(sealed, purpose).partition("\n")
        if found != purpose:
            raise WrongKey(f"What lies in the database as {purpose} is something else; make it anew")
        return text

    def reseal(self, sealed: str, what: str) -> str:
        """The same, sealed with the first key. `what` names it in the error.

        Raises:
            WrongKey: no key opens it.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._keys.rotate(sealed).decode()
        except InvalidToken:
            raise _wrong_key(what) from None

    def _open(self, sealed: str, purpose: str) -> str:
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._keys.decrypt(sealed).decode()
        except InvalidToken:
            raise _wrong_key(purpose) from None


def new_key() -> str:
    """A fresh key, for `PUBLISHER_KEY`."""
    from cryptography.fernet import Fernet  # noqa: PLC0415

    return Fernet.generate_key().decode()


def _split(keys: str) -> list[str]:
    found = keys.replace(",", " ").split()
    if not found:
        raise SealError(f"{KEY_VARIABLE} is not set; make a key with `publisher key new` and set it on every machine")
    return found


def _key(number: int, key: str) -> Fernet:
    from cryptography.fernet import Fernet  # noqa: PLC0415

    try:
        return Fernet(key)
    except ValueError:
        # The error's cause would show the key in a trace.
        raise SealError(
            f"{KEY_VARIABLE}: the key at place {number} is no key; make one with `publisher key new`"
        ) from None


def _wrong_key(what: str) -> WrongKey:
    return WrongKey(f"{KEY_VARIABLE} does not open the {what}; add the key that it was sealed with after the first one")
