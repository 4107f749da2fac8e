"""Tests that passwords are hashed and checked."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from publisher.staff import passwords

WORDS = "quiet cells rest at dawn"


@pytest.fixture(autouse=True)
def true_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes at the product's cost; other tests hash at the lowest cost."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher())
    monkeypatch.setattr(passwords, "_DUMMY_HASH", passwords._make_dummy_hash())


def test_a_password_belongs_to_its_own_hash_only() -> None:
    stored_hash = passwords.hash_password(WORDS)
    assert passwords.is_correct_password(WORDS, stored_hash)
    assert not passwords.is_correct_password(WORDS + ".", stored_hash)
    assert not passwords.is_outdated_hash(stored_hash)


@pytest.mark.parametrize(
    "password", [WORDS, "a quiet long night", "x7#Kq!mZ2pLw", "ünïcödé wörter im regen", "several words " * 10]
)
def test_a_good_password_is_accepted(password: str) -> None:
    assert passwords.is_correct_password(password, passwords.hash_password(password))


def test_the_dummy_hash_costs_what_a_real_one_costs() -> None:
    dummy = passwords._make_dummy_hash()
    # A hash that could not be read would be refused at once, and the time would tell who is known here.
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(dummy, WORDS)
    assert not passwords.is_outdated_hash(dummy)
    assert len(dummy) == len(passwords.hash_password(WORDS))
    assert not passwords.is_correct_password(WORDS, None)


def test_a_hash_of_weaker_settings_is_outdated() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash(WORDS)
    assert passwords.is_correct_password(WORDS, weak)
    assert passwords.is_outdated_hash(weak)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 12 characters"),
        ("x" * 300, "at most 256 characters"),
        ("ababababababab", "too easily guessed"),
        ("Ada@Example.org", "too easily guessed"),
        ("123456789012", "first that are tried"),
        ("passwordpassword", "first that are tried"),
        ("qwertyuiop12", "first that are tried"),
        ("iloveyou1234", "first that are tried"),
        ("ada@example.org1", "first that are tried"),
        ("publisher12345", "first that are tried"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, why: str) -> None:
    with pytest.raises(passwords.WeakPassword, match=why):
        passwords.hash_password(password, about=("ada@example.org",))
