"""Writes raised and lowered text with the characters that Unicode has for it, such as in H₂O and 10⁻³."""

from __future__ import annotations

from typing import Literal

_RAISED = dict(zip("0123456789+-−–=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾", strict=True)) | dict(
    zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)
)
_LOWERED = dict(zip("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎", strict=True)) | dict(
    zip("aehijklmnoprstuvxβγρφχ", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True)
)
_MARKS = {"TM": "™", "SM": "℠"}
_CHARACTERS = {"sup": _RAISED, "sub": _LOWERED}


def raise_or_lower(text: str, kind: Literal["sup", "sub"]) -> str | None:
    """Returns the text raised or lowered; None where a character of it has no such form."""
    if kind == "sup" and text.strip() in _MARKS:
        return text.replace(text.strip(), _MARKS[text.strip()])
    forms = [character if character.isspace() else _CHARACTERS[kind].get(character) for character in text]
    return None if None in forms else "".join(form for form in forms if form)
