"""Holds what all pages of a site are made from, and what one page is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from publisher.core.messages import Face, Reader, reading_as
from publisher.desk import Desk
from publisher.platforms.profiles import load_profile
from publisher.posts.public_posts import PublicPosts
from publisher.posts.reuse import Rights, reuse_answers
from publisher.schedule.slots import slot_day
from publisher.settings import Settings
from publisher.site.addresses import Addresses
from publisher.site.answers import Answer
from publisher.site.catalogue import Catalogue, CatalogueCache
from publisher.site.pictures import SitePicture
from publisher.site.post_views import PostView, post_view
from publisher.site.rendering import SEARCH_SCRIPT, SiteFiles

Place = Callable[[Addresses], str]
OWN_FOLDER = "site"
"""The outlet's own files of the site, beside the configuration."""


@dataclass(frozen=True, slots=True)
class FollowLink:
    """Names a place at which visitors can follow the outlet."""

    label: str
    account: str
    url: str
    language: str


class SiteParts:
    """Holds what all pages of one site are made from."""

    def __init__(self, desk: Desk, *, is_export: bool = False) -> None:
        """`is_export`: the pages are written as files, and a script in the browser searches them."""
        self.desk = desk
        self.is_export = is_export
        self.files = SiteFiles(desk.config.parent / OWN_FOLDER)
        self.catalogues = CatalogueCache()

    @property
    def settings(self) -> Settings:
        return self.desk.settings

    @property
    def languages(self) -> tuple[str, ...]:
        """Lists the languages of the site: the outlet's, then those of its channels."""
        channels = (channel.language for channel in self.settings.channels.values())
        return tuple(dict.fromkeys((self.settings.outlet.language, *(language for language in channels if language))))

    def addresses(self, language: str) -> Addresses:
        site = self.settings.site
        return Addresses(site.base_url, site.root_path, language, self.settings.outlet.language, folders=self.is_export)

    def follow_links(self, language: str) -> list[FollowLink]:
        """Lists the outlet's accounts, those in the language of the page first."""
        links = []
        for channel in self.settings.channels.values():
            profile = load_profile(channel.platform)
            account = channel.account.removeprefix("@")
            if profile.account_url:
                spoken = channel.language or self.settings.outlet.language
                links.append(FollowLink(profile.label, account, profile.account_url.format(account=account), spoken))
        return sorted(links, key=lambda link: link.language != language)

    def reader(self, language: str) -> Reader:
        return Reader(language, self.settings.outlet.zone, Face.PAGE)

    def bare_page(self, language: str, template: str, here: Place, status: int = 200, **context: Any) -> Answer:
        """Renders a page in a language. `here`: makes its path in a language."""
        with reading_as(self.reader(language)):
            text = self.files.render(template, {**self._shared_context(language, here), **context})
        return Answer(text.encode(), status=status)

    def _shared_context(self, language: str, here: Place) -> dict[str, Any]:
        addresses = self.addresses(language)

        def static(name: str) -> str:
            return f"{addresses.file(name)}?v={self.files.version(name)}"

        def lang(other: str) -> Markup:
            return Markup() if other == language else Markup(' lang="{}"').format(other)

        return {
            "outlet": self.settings.outlet,
            "language": language,
            "languages": [(name, here(self.addresses(name))) for name in self.languages],
            "alternates": self.languages,
            "canonical": addresses.whole(here(addresses)),
            "addresses": addresses,
            "static": static,
            "lang": lang,
            "reuse_of": lambda pictures: reuse_answers(self.settings.archive.reuse, _rights_of(pictures), language),
            "follow_links": self.follow_links(language),
            "is_export": self.is_export,
            "search_script": SEARCH_SCRIPT,
            "query": "",
            "is_indexed": True,
        }


def _rights_of(pictures: Iterable[SitePicture]) -> list[Rights]:
    return [Rights(picture.licence, picture.credit) for picture in pictures]


@dataclass(frozen=True, slots=True)
class PageParts:
    """Holds what one page is made from: the site, the language, and a transaction that reads."""

    site: SiteParts
    language: str
    session: Session
    public: PublicPosts
    today: date

    @property
    def addresses(self) -> Addresses:
        return self.site.addresses(self.language)

    @property
    def catalogue(self) -> Catalogue:
        return self.site.catalogues.read(self.session, self.public, self.site.desk.now())

    def views(self, ids: Iterable[int]) -> list[PostView]:
        """Describes public posts in the language of the page."""
        return [post_view(post, self.language) for post in self.public.read(ids)]

    def page(self, template: str, here: Place, status: int = 200, **context: Any) -> Answer:
        """Renders a page. `here`: makes its path in a language."""
        return self.site.bare_page(self.language, template, here, status, **context)

    @property
    def reader(self) -> Reader:
        return self.site.reader(self.language)


def today_of(desk: Desk) -> date:
    """Returns the outlet's day."""
    return slot_day(desk.now(), desk.settings.outlet.zone)
