"""Reads Tumblr's links to posts, and returns the post's number."""

from __future__ import annotations

from publisher.platforms.links import Link, LinkFault, LinkRefused, numeric_id, read_link, same_account

DASHBOARD_HOSTS = frozenset({"tumblr.com", "www.tumblr.com", "m.tumblr.com"})
BLOG_SUFFIX = ".tumblr.com"


def post_id_of(reference: str, account: str) -> str:
    """Returns the number of the post that a link or an id names.

    `account`: the blog whose post it must be: its name, or its host where it has a domain of its
    own. Empty: anybody's.

    Raises:
        LinkRefused: it names no post, or one of another blog or platform.
    """
    reference = reference.strip()
    link = read_link(reference)
    if link is None:
        if not reference.isdecimal():
            raise LinkRefused(LinkFault.NOT_A_LINK)
        return numeric_id(reference)
    blog, rest = _blog_in(link, account)
    match rest:
        case ("post" | "image", number, *_):
            number = numeric_id(number)
        case (number, *_) if link.host in DASHBOARD_HOSTS:
            number = numeric_id(number)
        case _:
            raise LinkRefused(LinkFault.NOT_A_POST)
    if account and not same_account(_name(blog), _name(account)):
        raise LinkRefused(LinkFault.OTHER_ACCOUNT)
    return number


def _blog_in(link: Link, account: str) -> tuple[str, tuple[str, ...]]:
    """Returns the blog that a link names, and the path behind it."""
    if link.host in DASHBOARD_HOSTS:
        match link.path:
            case ("blog", "view", blog, *rest) | ("dashboard", "blog", blog, *rest) | ("blog", blog, *rest):
                return blog, tuple(rest)
            case (blog, *rest):
                return blog, tuple(rest)
            case _:
                raise LinkRefused(LinkFault.NOT_A_POST)
    if link.host.endswith(BLOG_SUFFIX) or (account and link.host == account.strip().casefold()):
        return link.host, link.path
    raise LinkRefused(LinkFault.OTHER_PLATFORM)


def _name(blog: str) -> str:
    return blog.strip().removeprefix("@").casefold().removesuffix(BLOG_SUFFIX)
