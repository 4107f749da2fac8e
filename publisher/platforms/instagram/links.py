"""Reads Instagram's links to posts, and returns the post's number.

The code in an address is that number, written with 64 characters; a post that not everybody
may see has more characters behind it.
"""

from __future__ import annotations

import re
import string

from publisher.platforms.links import MAX_ID, LinkFault, LinkRefused, numeric_id, read_link, same_account

HOSTS = frozenset({"instagram.com", "www.instagram.com", "m.instagram.com", "instagr.am", "www.instagr.am"})
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
CODE = re.compile(r"[A-Za-z0-9_-]{5,64}", re.ASCII)
CODE_LENGTH = 11
"""Characters of a code that hold the number: enough for 63 bits."""
NUMBER_AND_ACCOUNT = re.compile(r"([1-9][0-9]{0,18})_[0-9]{1,20}", re.ASCII)


def post_id_of(reference: str, account: str) -> str:
    """Returns the number of the post that a link, a code or an id names.

    `account`: the user name whose post it must be, where the link names one. Empty: anybody's.

    Raises:
        LinkRefused: it names no post, or one of another account or platform.
    """
    reference = reference.strip()
    link = read_link(reference)
    if link is None:
        return _bare(reference)
    if link.host not in HOSTS:
        raise LinkRefused(LinkFault.OTHER_PLATFORM)
    match link.path:
        case ("p" | "reel" | "reels" | "tv", code, *_):
            return _number_of(code)
        case (user, "p" | "reel" | "tv", code, *_):
            number = _number_of(code)
        case _:
            raise LinkRefused(LinkFault.NOT_A_POST)
    if account and not same_account(user, account):
        raise LinkRefused(LinkFault.OTHER_ACCOUNT)
    return number


def code_of(number: str) -> str:
    """Returns the code that stands in a post's address."""
    value, code = int(number), ""
    while value:
        value, place = divmod(value, len(ALPHABET))
        code = ALPHABET[place] + code
    return code


def _bare(reference: str) -> str:
    if reference.isdecimal():
        return numeric_id(reference)
    if match := NUMBER_AND_ACCOUNT.fullmatch(reference):
        return numeric_id(match[1])
    # A shorter word is rather a word than a code.
    if len(reference) >= CODE_LENGTH and CODE.fullmatch(reference):
        return _number_of(reference)
    raise LinkRefused(LinkFault.NOT_A_LINK)


def _number_of(code: str) -> str:
    if not CODE.fullmatch(code):
        raise LinkRefused(LinkFault.NOT_A_POST)
    number = 0
    for character in code[:CODE_LENGTH]:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    if not 0 < number <= MAX_ID:
        raise LinkRefused(LinkFault.NOT_A_POST)
    return str(number)
