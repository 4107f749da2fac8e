"""Opens an import of whatever a person names: a file, a folder or an address."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from publisher.core.clock import sleep
from publisher.core.messages import _
from publisher.delivery.channels import Channels
from publisher.intake.channel_histories import PREFIX, ChannelAccount, ChannelHistory, own_posts
from publisher.intake.fetched_pages import FetchedPages
from publisher.intake.fetched_pictures import PictureFetcher
from publisher.intake.importing import Importer, ImportPlaces
from publisher.intake.items import ImportedItem, ItemSource
from publisher.intake.opening import open_source, source_name
from publisher.intake.source_settings import SourceSettings, read_source_settings
from publisher.intake.web_fetching import FetchRules, WebFetcher
from publisher.intake.web_sources import WebSource, is_web_address
from publisher.posts.errors import PostError
from publisher.settings import Settings
from publisher.settings.private_paths import FETCHED


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """Says what is imported, and by whom."""

    source: str
    """A file, a folder, an address, or `channel:NAME`."""
    actor: str
    name: str = ""
    """What the source is called in `config/sources.toml`, and in the keys of its items. Empty: it has no name."""
    pictures: Path | None = None
    """The folder of its pictures, where they are not beside it."""
    preview: bool = False


@dataclass(frozen=True, slots=True)
class OpenedImport:
    """Holds an import that can be run."""

    importer: Importer
    source: ItemSource
    pages: FetchedPages | None
    """The pages that were fetched for it; None: it is of files."""

    def read(self) -> list[ImportedItem]:
        """Reads the whole source. Raises PostError where it can't be read."""
        return self.importer.read()

    def forget_pages(self) -> None:
        """Removes the fetched pages. Call it when the import is finished: until then, another reading uses them."""
        if self.pages is not None and not self.importer.preview:
            self.pages.remove()


def open_import(
    settings: Settings, places: ImportPlaces, request: ImportRequest, wait: Callable[[float], object] = sleep
) -> OpenedImport:
    """Opens the source of an import. Fetches nothing yet. `wait`: pauses for so many seconds between two requests.

    Raises:
        PostError: it is of no kind that can be read.
        SettingsError: its settings can't be used.
    """
    source_settings = read_source_settings(settings.file.parent, request.name)
    if is_file(request.source):
        path = Path(request.source)
        source = open_source(path, source_settings, request.pictures)
        name = request.name or source_name(path)
        return OpenedImport(Importer(places, source, name, request.actor, preview=request.preview), source, None)
    if request.pictures is not None:
        raise PostError(_("the pictures of an address are fetched from theirs; leave --pictures out"))
    fetcher = WebFetcher(fetch_rules(settings, source_settings), wait)
    if request.source.startswith(PREFIX):
        history = ChannelHistory(_account(settings, places, request.source.removeprefix(PREFIX)), source_settings)
        places = replace(places, pictures=PictureFetcher(fetcher))
        name = request.name or request.source
        return OpenedImport(Importer(places, history, name, request.actor, preview=request.preview), history, None)
    name = request.name or request.source
    folder = settings.path(FETCHED) / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    pages = FetchedPages(fetcher, folder, places.clock, anew=request.preview)
    web = WebSource(request.source, source_settings, pages)
    places = replace(places, pictures=PictureFetcher(fetcher))
    return OpenedImport(Importer(places, web, name, request.actor, preview=request.preview), web, pages)


def is_file(source: str) -> bool:
    """Decides whether a source is named by a file or a folder."""
    return not is_web_address(source) and not source.startswith(PREFIX)


def _account(settings: Settings, places: ImportPlaces, channel: str) -> ChannelAccount:
    """Returns the account of a channel. Raises PostError where there is no such channel."""
    known = settings.channels.get(channel)
    if known is None:
        raise PostError(_("there is no channel {name} in the configuration", name=channel))
    channels = Channels(settings, places.clock, lambda: places.database)
    return ChannelAccount(
        channel=channel,
        platform=known.platform,
        language=known.language or settings.outlet.language,
        zone=settings.outlet.zone,
        connect=lambda: channels.open(channel),
        own_ids=own_posts(places.database, channel),
    )


def fetch_rules(settings: Settings, source: SourceSettings) -> FetchRules:
    """Returns how a source is asked."""
    return FetchRules(private=source.private_network, interval=source.interval, contact=settings.site.address)
