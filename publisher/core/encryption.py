"""Encrypts the secrets that are stored in the database, with a key that is never stored there.

`PUBLISHER_KEY` holds one key or several: the first encrypts, each of them decrypts. So a key is replaced
without a pause: put the new one before the old one, run `publisher key rotate`, remove the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from publisher.core.errors import SettingsError
from publisher.core.messages import _
from publisher.core.secret_reading import read_secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_VARIABLE = "PUBLISHER_KEY"


class EncryptionError(SettingsError):
    """Nothing can be encrypted or decrypted with these keys; the message is one sentence without any of them."""

    code = "key-unusable"


class WrongKey(EncryptionError):
    """None of the keys decrypts the text, or it was encrypted for another purpose."""

    code = "key-wrong"


class SecretCipher:
    """Encrypts texts, each for a purpose, and decrypts them."""

    def __init__(self, keys: str) -> None:
        """`keys`: one or more, with spaces, line ends or commas between them.

        Raises:
            SealError: there is none, or one of them is no key.
        """
        # Imported here, because it takes 6 MiB, and many desks encrypt nothing.
        from cryptography.fernet import MultiFernet  # noqa: PLC0415

        self._keys = MultiFernet([_parse_key(number, key) for number, key in enumerate(_split_keys(keys), start=1)])

    @classmethod
    def from_environment(cls) -> Self:
        """Makes one with the keys of `PUBLISHER_KEY`, or of the file that `PUBLISHER_KEY_FILE` names.

        Raises:
            SealError: it is not set, or holds something else than keys.
            SettingsError: the file can't be read.
        """
        return cls(read_secret(KEY_VARIABLE, several=True) or "")

    def encrypt(self, text: str, purpose: str) -> str:
        """Encrypts a text, so that only a key decrypts it, and only for the same purpose, such as `session x`.

        Without a purpose somebody who can write to the database could put one secret in the place of another.
        """
        return self._keys.encrypt(f"{purpose}\n{text}".encode()).decode()

    def decrypt(self, encrypted: str, purpose: str) -> str:
        """Decrypts a text that was encrypted for this purpose.

        Raises:
            WrongKey: no key decrypts it, it was changed, or it was encrypted for another purpose.
        """
        stored_purpose, _end, text = self._decrypt(encrypted, purpose).partition("\n")
        if stored_purpose != purpose:
            raise WrongKey(_("The database holds something else as {purpose}; make it again", purpose=purpose))
        return text

    def reencrypt(self, encrypted: str, what: str) -> str:
        """Encrypts a text again, with the first key. `what` names it in the error.

        Raises:
            WrongKey: no key decrypts it.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._keys.rotate(encrypted).decode()
        except InvalidToken:
            raise _wrong_key_error(what) from None

    def _decrypt(self, encrypted: str, purpose: str) -> str:
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._keys.decrypt(encrypted).decode()
        except InvalidToken:
            raise _wrong_key_error(purpose) from None


def new_key() -> str:
    """Generates a key for `PUBLISHER_KEY`."""
    from cryptography.fernet import Fernet  # noqa: PLC0415

    return Fernet.generate_key().decode()


def _split_keys(keys: str) -> list[str]:
    words = keys.replace(",", " ").split()
    if not words:
        raise EncryptionError(
            _(
                "{variable} is not set; make a key with `publisher key new` and set it on every machine",
                variable=KEY_VARIABLE,
            )
        )
    return words


def _parse_key(number: int, key: str) -> Fernet:
    from cryptography.fernet import Fernet  # noqa: PLC0415

    try:
        return Fernet(key)
    except ValueError:
        # The error's cause would show the key in a trace.
        raise EncryptionError(
            _(
                "{variable}: the key at place {number} is no key; make one with `publisher key new`",
                variable=KEY_VARIABLE,
                number=number,
            )
        ) from None


def _wrong_key_error(what: str) -> WrongKey:
    return WrongKey(
        _(
            "{variable} does not decrypt the {secret}; add the key that it was encrypted with after the first one",
            variable=KEY_VARIABLE,
            secret=what,
        )
    )
