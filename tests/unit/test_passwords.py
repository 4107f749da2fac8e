"""Passwords as they are kept."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from publisher.staff import passwords

WORDS = "quiet cells rest at dawn"


@pytest.fixture(autouse=True)
def true_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes as the product does; other tests hash at the least cost."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher())
    monkeypatch.setattr(passwords, "_NOBODYS", passwords._nobodys_hash())


def test_a_password_belongs_to_its_own_hash_only() -> None:
    kept = passwords.hash_password(WORDS)
    assert passwords.is_right(WORDS, kept)
    assert not passwords.is_right(WORDS + ".", kept)
    assert not passwords.is_outdated(kept)


@pytest.mark.parametrize(
    "password", [WORDS, "a quiet long night", "x7#Kq!mZ2pLw", "ünïcödé wörter im regen", "several words " * 10]
)
def test_a_good_password_is_taken(password: str) -> None:
    assert passwords.is_right(password, passwords.hash_password(password))


def test_nobodys_hash_costs_what_a_real_one_costs() -> None:
    nobodys = passwords._nobodys_hash()
    # A hash that could not be read would be refused at once, and the time would tell who is known here.
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(nobodys, WORDS)
    assert not passwords.is_outdated(nobodys)
    assert len(nobodys) == len(passwords.hash_password(WORDS))
    assert not passwords.is_right(WORDS, None)


def test_a_hash_of_weaker_settings_is_outdated() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash(WORDS)
    assert passwords.is_right(WORDS, weak)
    assert passwords.is_outdated(weak)


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
