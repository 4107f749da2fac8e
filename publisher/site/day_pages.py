"""Makes the pages of single days: today's, and those of the archive."""

from __future__ import annotations

from datetime import date

from publisher.site.addresses import Addresses
from publisher.site.answers import Answer, Gone, NotHere
from publisher.site.feeds import picture_data
from publisher.site.post_views import PostView
from publisher.site.site_parts import PageParts


def today_page(parts: PageParts) -> Answer:
    """Shows the newest post, and says its day where that is not today."""
    days = parts.catalogue.days
    return _day_page(parts, days[-1], is_start=True) if days else parts.page("empty.html", Addresses.page)


def day_page(parts: PageParts, day: date) -> Answer:
    """Shows the posts of a day."""
    return _day_page(parts, day, is_start=False)


def _day_page(parts: PageParts, day: date, *, is_start: bool) -> Answer:
    catalogue = parts.catalogue
    posts = parts.views(catalogue.by_day.get(day, ()))
    if not posts:
        raise Gone if parts.public.was_withdrawn(day) else NotHere
    before, after = catalogue.around(day)
    first = posts[0]
    return parts.page(
        "day.html",
        Addresses.page if is_start else lambda addresses: addresses.day(day),
        day=day,
        is_start=is_start,
        posts=posts,
        before=before,
        after=after,
        # A post that was shown again has its first page for its address.
        canonical=_canonical(parts, first, day),
        alternates=[language for language in parts.site.languages if language in first.languages],
        data=[picture_data(parts, post) for post in posts if post.pictures],
    )


def _canonical(parts: PageParts, post: PostView, day: date) -> str:
    language = post.language if post.language in parts.site.languages else parts.language
    addresses = parts.site.addresses(language)
    return addresses.whole(addresses.day(post.day if day in post.days else day))
