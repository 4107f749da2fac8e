"""Tests that a secret with a character that can't be part of it is refused by that character, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.core.errors import SettingsError
from publisher.core.secret_reading import quotes_around, read_secret

TOKEN, PASSWORD = "PUBLISHER_X_ACCESS_TOKEN", "PUBLISHER_INSTAGRAM_PASSWORD"
SECRET = "openSesame"

ODD = [
    (f'"{SECRET}"', "begins with a quotation mark (U+0022)"),
    (f"{SECRET}'", "ends with a quotation mark (U+0027)"),
    (f"“{SECRET}”", "begins with a quotation mark (U+201C)"),
    (f"{SECRET}\r", "ends with a line end as Windows writes it (U+000D)"),
    (f"{SECRET}\n", "ends with a line end (U+000A)"),
    (f"\ufeff{SECRET}", "begins with a byte order mark (U+FEFF)"),
    (f"{SECRET} ", "ends with a space (U+0020)"),
    ("open\u200bSesame", "has a character that nobody sees (U+200B) in it"),
    ("open\u00a0Sesame", "has a no-break space (U+00A0) in it"),
]


@pytest.mark.parametrize(("secret", "words"), ODD, ids=[words for _secret, words in ODD])
def test_the_odd_character_of_a_secret_is_named(monkeypatch: pytest.MonkeyPatch, secret: str, words: str) -> None:
    monkeypatch.setenv(TOKEN, secret)
    with pytest.raises(SettingsError) as caught:
        read_secret(TOKEN)
    assert f"{TOKEN} {words}" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("password", ['"quoted"', "two words", "no-break\u00a0space", " ends with a space "])
def test_a_password_may_have_quotation_marks_and_spaces(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv(PASSWORD, password)
    assert read_secret(PASSWORD) == password


@pytest.mark.parametrize("password", ["secret\n", "\ufeffsecret"])
def test_a_password_has_no_line_ends(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv(PASSWORD, password)
    with pytest.raises(SettingsError, match=r"line end|byte order mark"):
        read_secret(PASSWORD)


def test_a_file_may_begin_with_a_byte_order_mark_and_end_with_line_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    monkeypatch.setenv(f"{TOKEN}_FILE", str(tmp_path / "token"))
    assert read_secret(TOKEN) == SECRET
    (tmp_path / "token").write_text(f'"{SECRET}"')
    with pytest.raises(SettingsError, match=f"which {TOKEN}_FILE names, begins with a quotation mark"):
        read_secret(TOKEN)


def test_several_secrets_have_spaces_and_line_ends_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "one two\nthree\n")
    assert read_secret(TOKEN, several=True) == "one two\nthree\n"
    monkeypatch.setenv(TOKEN, 'one "two"')
    with pytest.raises(SettingsError, match="begins with a quotation mark"):
        read_secret(TOKEN, several=True)


@pytest.mark.parametrize(("secret", "mark"), [('"a"', '"'), ("'a'", "'"), ('"a', ""), ('"', ""), ("", "")])
def test_quotation_marks_around_a_secret_are_seen(secret: str, mark: str) -> None:
    assert quotes_around(secret) == mark
