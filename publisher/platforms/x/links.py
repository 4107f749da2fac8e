"""Reads X's links to posts, and returns the post's number."""

from __future__ import annotations

from publisher.platforms.links import LinkFault, LinkRefused, numeric_id, read_link, same_account

HOSTS = frozenset(f"{prefix}{name}" for prefix in ("", "www.", "m.", "mobile.") for name in ("x.com", "twitter.com"))
NO_ACCOUNT = frozenset({"i"})


def post_id_of(reference: str, account: str) -> str:
    """Returns the number of the post that a link or an id names.

    `account`: the user name whose post it must be, where the link names one. Empty: anybody's.

    Raises:
        LinkRefused: it names no post, or one of another account or platform.
    """
    reference = reference.strip()
    link = read_link(reference)
    if link is None:
        if not reference.isdecimal():
            raise LinkRefused(LinkFault.NOT_A_LINK)
        return numeric_id(reference)
    if link.host not in HOSTS:
        raise LinkRefused(LinkFault.OTHER_PLATFORM)
    match link.path:
        case ("i", "web", "status", number, *_) | (_, "status" | "statuses", number, *_):
            number = numeric_id(number)
        case _:
            raise LinkRefused(LinkFault.NOT_A_POST)
    user = link.path[0]
    if account and user not in NO_ACCOUNT and not same_account(user, account):
        raise LinkRefused(LinkFault.OTHER_ACCOUNT)
    return number
