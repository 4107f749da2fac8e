"""Tests that secrets are encrypted in the database, and that a wrong key gives one sentence."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.core.encryption import KEY_VARIABLE, EncryptionError, SecretCipher, WrongKey, new_key
from publisher.settings import SettingsError

OLD, NEW, STRANGE = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n", b"s"))
SECRET = "refresh-token of Zoë"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(f"{KEY_VARIABLE}_FILE", raising=False)


def test_an_encrypted_text_is_decrypted_and_never_looks_the_same() -> None:
    sealed = SecretCipher(OLD).encrypt(SECRET, "session of x")

    assert SECRET not in sealed
    assert SecretCipher(OLD).decrypt(sealed, "session of x") == SECRET
    assert SecretCipher(OLD).encrypt(SECRET, "session of x") != sealed


@pytest.mark.parametrize("between", [" ", ",", "\n", " , \n"])
def test_the_first_key_encrypts_and_each_decrypts(between: str) -> None:
    before = SecretCipher(OLD).encrypt(SECRET, "it")
    both = SecretCipher(f"{NEW}{between}{OLD}\n")

    assert both.decrypt(before, "it") == SECRET
    assert SecretCipher(NEW).decrypt(both.encrypt(SECRET, "it"), "it") == SECRET
    assert SecretCipher(NEW).decrypt(both.reencrypt(before, "it"), "it") == SECRET
    with pytest.raises(WrongKey):
        SecretCipher(OLD).decrypt(both.reencrypt(before, "it"), "it")


@pytest.mark.parametrize(
    "change",
    [lambda sealed: sealed[:-8], lambda _sealed: "", lambda sealed: f"{sealed[:40]}AAAA{sealed[44:]}"],
    ids=["shortened", "emptied", "overwritten"],
)
def test_a_changed_text_is_not_decrypted(change: Callable[[str], str]) -> None:
    with pytest.raises(WrongKey):
        SecretCipher(OLD).decrypt(change(SecretCipher(OLD).encrypt(SECRET, "it")), "it")


def test_new_keys_are_keys_and_never_the_same() -> None:
    first, second = new_key(), new_key()

    assert first != second
    assert SecretCipher(f"{first} {second}").decrypt(SecretCipher(second).encrypt(SECRET, "it"), "it") == SECRET


def test_one_secret_can_not_take_the_place_of_another() -> None:
    sealed = SecretCipher(OLD).encrypt(SECRET, "session of x")

    with pytest.raises(WrongKey, match="session of tumblr"):
        SecretCipher(OLD).decrypt(sealed, "session of tumblr")


def test_a_wrong_key_is_one_sentence_without_the_secret() -> None:
    sealed = SecretCipher(OLD).encrypt(SECRET, "session of x")

    for refused in (SecretCipher(STRANGE).decrypt, SecretCipher(STRANGE).reencrypt):
        with pytest.raises(WrongKey) as caught:
            refused(sealed, "session of x")
        message = str(caught.value)
        assert "PUBLISHER_KEY does not decrypt the session of x; add the key" in message
        assert not any(secret in message for secret in (OLD, STRANGE, SECRET, sealed))


@pytest.mark.parametrize("keys", ["", "  ", ",\n"])
def test_a_missing_key_names_the_command_that_makes_one(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, keys)

    with pytest.raises(EncryptionError, match="PUBLISHER_KEY is not set; make a key with `publisher key new`"):
        SecretCipher.from_environment()


@pytest.mark.parametrize("wrong", ["too-short", STRANGE[:-4], "ключ" * 11, "=" * 44])
def test_an_invalid_key_is_named_by_its_place_alone(wrong: str) -> None:
    with pytest.raises(EncryptionError, match="the key at place 2 is no key") as caught:
        SecretCipher(f"{NEW} {wrong}")

    assert wrong not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_keys_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text(f"{NEW}\n{OLD}\n")
    monkeypatch.setenv(f"{KEY_VARIABLE}_FILE", str(file))

    assert SecretCipher.from_environment().decrypt(SecretCipher(OLD).encrypt(SECRET, "it"), "it") == SECRET
    file.unlink()
    with pytest.raises(SettingsError, match="can't be read"):
        SecretCipher.from_environment()
