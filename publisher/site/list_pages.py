"""Makes the pages that list posts: archive, tags, writers, search, links; and the one about the outlet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from publisher.adapt.text.rich_html import page_html
from publisher.core.search_query import SearchQuery
from publisher.posts.search_matches import SearchMatch, find_matches
from publisher.site.addresses import Addresses
from publisher.site.answers import Answer, NotHere
from publisher.site.catalogue import Entry
from publisher.site.site_parts import PageParts

PAGE_SIZE = 24
MAX_LISTED_TAGS = 60
MAX_LISTED_PEOPLE = 40
MAX_QUERY = 200
"""Characters of a search that are read."""
MAX_FOUND = 60
LINKED_POSTS = 10
"""Posts on the page that profiles lead to."""


def archive_page(parts: PageParts) -> Answer:
    """Shows the way to every post: by year and month, tag and writer."""
    catalogue = parts.catalogue
    return parts.page(
        "archive.html",
        lambda addresses: addresses.page("archive"),
        years=catalogue.years(),
        months={month: date(2000, month, 1) for month in range(1, 13)},
        total=len(catalogue.entries),
        tags=list(catalogue.tags(parts.language).items())[:MAX_LISTED_TAGS],
        people=list(catalogue.people().items())[:MAX_LISTED_PEOPLE],
    )


def year_page(parts: PageParts, year: int) -> Answer:
    """Lists the titles of a year by their days."""
    catalogue = parts.catalogue
    years = list(catalogue.years())
    if year not in years:
        raise NotHere
    months = [(date(year, month, 1), catalogue.of_month(year, month)) for month in sorted(catalogue.years()[year])]
    earlier, later = _around(sorted(years), year)
    return parts.page(
        "year.html",
        lambda addresses: addresses.page("archive", year),
        year=year,
        months=months,
        earlier=earlier,
        later=later,
    )


def month_page(parts: PageParts, year: int, month: int) -> Answer:
    """Shows the pictures of a month."""
    catalogue = parts.catalogue
    months = sorted((year, month) for year, counts in catalogue.years().items() for month in counts)
    if (year, month) not in months:
        raise NotHere
    earlier, later = _around(months, (year, month))
    return parts.page(
        "month.html",
        lambda addresses: addresses.page("archive", year, month),
        month=date(year, month, 1),
        shown=catalogue.of_month(year, month),
        earlier=date(earlier[0], earlier[1], 1) if earlier else None,
        later=date(later[0], later[1], 1) if later else None,
    )


def _around(values: Sequence[Any], value: Any) -> tuple[Any, Any]:
    at = values.index(value)
    return (values[at - 1] if at else None), (values[at + 1] if at + 1 < len(values) else None)


def tag_page(parts: PageParts, slug: str, number: int) -> Answer:
    """Shows the posts with a tag."""
    catalogue = parts.catalogue
    label, _count = catalogue.tags(parts.language).get(slug, ("", 0))
    entries = catalogue.tagged(slug, parts.language)
    return _listed(parts, entries, number, ("tags", slug), label, kind="tag")


def person_page(parts: PageParts, slug: str, number: int) -> Answer:
    """Shows the posts that somebody wrote."""
    catalogue = parts.catalogue
    name, _count = catalogue.people().get(slug, ("", 0))
    return _listed(parts, catalogue.written_by(slug), number, ("people", slug), name, kind="person")


def _listed(
    parts: PageParts, entries: Sequence[Entry], number: int, place: tuple[str, str], label: str, *, kind: str
) -> Answer:
    pages = -(-len(entries) // PAGE_SIZE)
    if not 1 <= number <= pages:
        raise NotHere

    def at(number: int) -> Callable[[Addresses], str]:
        return lambda addresses: addresses.page(*place, *([number] if number > 1 else []))

    return parts.page(
        "list.html",
        at(number),
        kind=kind,
        label=label,
        entries=entries[(number - 1) * PAGE_SIZE : number * PAGE_SIZE],
        total=len(entries),
        number=number,
        pages=pages,
        newer=at(number - 1)(parts.addresses) if number > 1 else None,
        older=at(number + 1)(parts.addresses) if number < pages else None,
        # The same tag has other words in another language.
        alternates=[parts.language] if kind == "tag" else parts.site.languages,
        languages=[] if kind == "tag" else [(name, at(1)(parts.site.addresses(name))) for name in parts.site.languages],
    )


def search_page(parts: PageParts, text: str, status: int = 200) -> Answer:
    """Shows the public posts with the words of a search, and where each has them."""
    text = " ".join(text[:MAX_QUERY].split())
    found, has_more = _find(parts, text)
    return parts.page(
        "search.html",
        lambda addresses: addresses.page("search"),
        status,
        query=text,
        found=found,
        has_more=has_more,
        is_indexed=False,
    )


def _find(parts: PageParts, text: str) -> tuple[list[tuple[Entry, SearchMatch | None]], bool]:
    """Returns the posts with what is searched for, and whether there may be more than these."""
    query = SearchQuery.of(text, tuple(dict.fromkeys((*parts.site.languages, "en"))))
    entries = parts.catalogue.entries
    posts, has_more = parts.public.find(query, MAX_FOUND)
    found = []
    for post in posts:
        if post.id in entries:
            matches = (match for match in find_matches(post.content, query) if match.where.field != "captions")
            found.append((entries[post.id], next(matches, None)))
    return found, has_more


def links_page(parts: PageParts) -> Answer:
    """Lists what the last posts link to: the address that profiles elsewhere give."""
    posts = parts.views(parts.catalogue.last_shown(LINKED_POSTS))
    return parts.page("links.html", lambda addresses: addresses.page("links"), posts=posts)


def about_page(parts: PageParts) -> Answer:
    """Shows what the outlet says of itself."""
    own = parts.site.files.about(parts.language)
    return parts.page(
        "about.html", lambda addresses: addresses.page("about"), text=page_html(own) if own is not None else None
    )
