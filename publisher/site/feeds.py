"""Makes what programs read: the Atom feeds, the map of the site, oEmbed, and the data about pictures in pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from publisher.core.messages import reading_as
from publisher.schedule.slots import slot_opens
from publisher.site.addresses import day_of
from publisher.site.answers import Answer, NotHere
from publisher.site.licences import licence_url
from publisher.site.post_views import PostView
from publisher.site.site_parts import PageParts

FEED_POSTS = 20
MAX_MAP_ADDRESSES = 50_000
"""More are not allowed in one map of a site."""
ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"


def picture_data(parts: PageParts, post: PostView) -> Markup:
    """Describes the pictures of a post for search engines, as JSON-LD that is safe inside a page."""
    addresses = parts.addresses
    page = addresses.whole(addresses.day(post.day))
    pictures = []
    for picture in post.pictures:
        about = addresses.whole(addresses.page("about"))
        data: dict[str, Any] = {
            "@context": "https://schema.org",
            "@type": "ImageObject",
            "name": post.title,
            "caption": post.standfirst or post.title,
            "description": picture.alt_text,
            "contentUrl": addresses.whole(addresses.file("pictures", picture.largest.name)),
            "thumbnailUrl": addresses.whole(addresses.file("pictures", picture.thumbnail.name)),
            "width": picture.largest.width,
            "height": picture.largest.height,
            "creditText": picture.credit,
            "copyrightNotice": f"{picture.credit} ({picture.licence})" if picture.licence else picture.credit,
            "license": licence_url(picture.licence),
            "acquireLicensePage": about,
            "datePublished": post.day.isoformat(),
            "inLanguage": post.language,
            "url": page,
        }
        pictures.append({name: value for name, value in data.items() if value})
    return htmlsafe_json_dumps(pictures[0] if len(pictures) == 1 else pictures)


def feed(parts: PageParts) -> Answer:
    """Makes the Atom feed of a language: its last posts, with their pictures and texts."""
    posts = parts.views(parts.catalogue.last_shown(FEED_POSTS))
    spoken = [post for post in posts if post.language == parts.language]
    moments = {post.id: _appeared(parts, post) for post in spoken}
    with reading_as(parts.reader):
        text = parts.site.files.render(
            "feed.xml",
            {
                "outlet": parts.site.settings.outlet,
                "language": parts.language,
                "addresses": parts.addresses,
                "posts": spoken,
                "moments": {post: _instant(moment) for post, moment in moments.items()},
                "updated": _instant(max(moments.values(), default=datetime(2000, 1, 1, tzinfo=UTC))),
            },
        )
    return Answer(text.encode(), ATOM)


def _appeared(parts: PageParts, post: PostView) -> datetime:
    """Returns when a post appeared: at its slot, or when it was picked later, or when its embargo was over."""
    day = post.days[-1]
    slot = slot_opens(day, parts.site.settings)
    # What an import brings for today is there before the hour.
    return min(max(slot, parts.public.held_until(post.id, day) or slot), parts.site.desk.now())


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def site_map(parts: PageParts) -> Answer:
    """Lists the pages of all days in all languages, with what each is in the others."""
    site, catalogue = parts.site, parts.catalogue
    addresses = {name: site.addresses(name) for name in site.languages}
    pages = []
    for day in reversed(catalogue.days):
        texts = [catalogue.entries[post_id].texts for post_id in catalogue.by_day[day]]
        places = {name: at.whole(at.day(day)) for name, at in addresses.items() if any(name in text for text in texts)}
        pages += [(address, places) for address in places.values()]
    starts = {name: at.whole(at.page()) for name, at in addresses.items()}
    pages = [*((address, starts) for address in starts.values()), *pages][:MAX_MAP_ADDRESSES]
    return Answer(site.files.render("sitemap.xml", {"pages": pages}).encode(), XML)


def robots(parts: PageParts) -> Answer:
    """Lets programs read everything but searches, and tells them of the map."""
    addresses = parts.addresses
    searches = [f"Disallow: {parts.site.addresses(name).page('search')}" for name in parts.site.languages]
    lines = ["User-agent: *", *searches, f"Sitemap: {addresses.whole(addresses.file('sitemap.xml'))}", ""]
    return Answer("\n".join(lines).encode(), "text/plain; charset=utf-8")


def oembed(parts: PageParts, url: str, form: str) -> Answer:
    """Describes the picture of a day's page, so that other sites can show it. Only JSON is answered."""
    if form not in ("", "json"):
        return Answer(b"Only JSON is answered here.\n", "text/plain; charset=utf-8", 501)
    base = urlsplit(parts.site.settings.site.base_url)
    try:
        asked = urlsplit(url)
    except ValueError:
        raise NotHere from None
    path = asked.path.removeprefix(base.path).strip("/").split("/")
    language = path.pop(0) if path[0] in parts.site.languages else parts.language
    day = day_of(path[1:]) if path[0:1] == ["archive"] else None
    if asked.netloc != base.netloc or day is None or not (posts := parts.views(parts.catalogue.by_day.get(day, ()))):
        raise NotHere
    post = next((post for post in posts if post.pictures), None)
    if post is None:
        raise NotHere
    addresses, picture = parts.site.addresses(language), post.pictures[0]
    data = {
        "version": "1.0",
        "type": "photo",
        "title": post.title,
        "author_name": picture.credit,
        "provider_name": parts.site.settings.outlet.name,
        "provider_url": addresses.whole(addresses.page()),
        "url": addresses.whole(addresses.file("pictures", picture.main.name)),
        "width": picture.main.width,
        "height": picture.main.height,
        "thumbnail_url": addresses.whole(addresses.file("pictures", picture.thumbnail.name)),
        "thumbnail_width": picture.thumbnail.width,
        "thumbnail_height": picture.thumbnail.height,
    }
    return Answer(json.dumps(data).encode(), "application/json")
