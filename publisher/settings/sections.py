"""Defines the tables of the configuration, one class each, with the limits and defaults of their keys."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from publisher.core.characters import make_visible, quote_value, remove_control_characters
from publisher.core.content import Fit
from publisher.core.messages import _
from publisher.core.post_limits import ACCOUNT_NAME, CREDIT, LICENCE, OUTLET_NAME, STANDFIRST
from publisher.core.translations import SOURCE_LANGUAGE, desk_languages
from publisher.platforms.profiles import Limit
from publisher.settings.buckets import Bucket, is_bucket_url, parse_bucket


def _clock_time(value: object) -> object:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value)):
        return time(int(match[1]), int(match[2]))
    raise ValueError(_('{value} is no time of day; write it like "09:00"', value=quote_value(value)))


ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class Section(BaseModel):
    """Is the base of all tables: frozen, without unknown keys. Its validator is built at its first use."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lateness(Section):
    """Says until when a late post still goes out on its day. `until` None: a late post is skipped."""

    until: ClockTime | None = None


def _lateness(value: object) -> object:
    if value == "skip":
        return Lateness()
    if isinstance(value, str) and value.startswith("until "):
        return Lateness(until=value.removeprefix("until ").strip())  # type: ignore[arg-type]
    if isinstance(value, Lateness):
        return value
    raise ValueError(_('{value} is no lateness rule; write "until 20:00" or "skip"', value=quote_value(value)))


def _in_one_line(value: str) -> str:
    if value != remove_control_characters(value) or "\n" in value or "\t" in value:
        raise ValueError(
            _(
                "“{text}” has line ends or control characters; write it in one line",
                text=make_visible(value),
            )
        )
    return value


ZONES_OF_ABBREVIATIONS = {
    "BST": "Europe/London",
    "CEST": "Europe/Paris",
    "EEST": "Europe/Athens",
    "WEST": "Europe/Lisbon",
    "EDT": "America/New_York",
    "CDT": "America/Chicago",
    "MDT": "America/Denver",
    "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "CST": "America/Chicago",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland",
}
"""The places that are meant most often by abbreviations that are no time zones."""
OutletName = Annotated[str, Field(min_length=1, max_length=OUTLET_NAME), AfterValidator(_in_one_line)]
AccountName = Annotated[str, Field(min_length=1, max_length=ACCOUNT_NAME), AfterValidator(_in_one_line)]


@cache
def _time_zones() -> frozenset[str]:
    """Lists the names of time zones. The library reads hundreds of files for it, so it is asked once."""
    return frozenset(zoneinfo.available_timezones())


def _near_zone(value: str) -> str | None:
    """Returns the name of a place's time zone that a person may have meant; None: nobody can tell.

    An abbreviation such as "BST" is never taken for another abbreviation, which has another time.
    """
    if (known := ZONES_OF_ABBREVIATIONS.get(value.upper())) is not None:
        return known
    places = {name.casefold(): name for name in _time_zones() if "/" in name and not name.startswith("Etc/")}
    cities = {name.rpartition("/")[2]: whole for name, whole in places.items()}
    wanted = value.strip().replace(" ", "_").casefold()
    if wanted in cities:
        return cities[wanted]
    near = difflib.get_close_matches(wanted, places, n=1, cutoff=0.88)
    if not near and "/" not in wanted:
        near = [cities[city].casefold() for city in difflib.get_close_matches(wanted, cities, n=1, cutoff=0.8)]
    return places[near[0]] if near else None


class OutletSettings(Section):
    """Describes the outlet."""

    name: OutletName
    time_zone: str
    hour: ClockTime
    lateness: Annotated[Lateness, BeforeValidator(_lateness)] = Lateness(until=time(20, 0))
    language: str = "en"
    """The language that posts are written in."""
    desk_language: str = SOURCE_LANGUAGE
    """The language of the desk's pages, for whoever has chosen none."""
    second_person: bool = False
    """Nobody may approve what they wrote themselves, whoever changed the post last."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value in _time_zones():
            return value
        if near := _near_zone(value):
            raise ValueError(_("there is no time zone “{value}”; did you mean “{near}”?", value=value, near=near))
        raise ValueError(_('there is no time zone “{value}”; write an IANA name such as "Europe/London"', value=value))

    @field_validator("desk_language")
    @classmethod
    def _translated(cls, value: str) -> str:
        if value in desk_languages():
            return value
        raise ValueError(
            _(
                "the desk's texts are not translated to “{value}”; choose one of {languages:list}",
                value=value,
                languages=desk_languages(),
            )
        )

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class ReserveSettings(Section):
    """Says when a post of the reserve may be shown again."""

    no_repeat_days: int = Field(default=365, ge=0)
    """A reserve post isn't shown again within this many days."""


class ReuseRule(Section):
    """Says what visitors may do with pictures of a licence, of somebody, or both."""

    licence: str = Field(default="", max_length=LICENCE)
    """The whole licence, such as `CC BY`; of Creative Commons in every version where it names none. Empty: any."""
    credit: str = Field(default="", max_length=CREDIT)
    """Words of the credit, such as an institution. Empty: any."""
    answer: str = Field(min_length=1, max_length=STANDFIRST)
    answers: dict[str, str] = Field(default_factory=dict)
    """The answer in other languages, by their codes."""

    def answer_in(self, language: str) -> str:
        return self.answers.get(language) or self.answer


class ArchiveSettings(Section):
    """Says what the outlet wants of its archive."""

    alt_texts_until: date | None = None
    """The day until which every picture of the archive is to have an alt text. None: no day is set."""
    reuse: tuple[ReuseRule, ...] = ()
    """Who may use a picture: the first rule that fits answers. Where none does, the known licences do."""


class StorageSettings(Section):
    """Says where data are stored. Paths are relative to the folder that holds `config/`."""

    database: str = Field(default="sqlite:///queue.db", repr=False)
    """It may hold a password, so it is never shown."""
    media: str = Field(default="media", min_length=1)
    """A folder, or `s3://BUCKET/PREFIX`, with `?endpoint=URL&region=NAME` where it isn't Amazon's."""
    sessions: str = Field(default="sessions", min_length=1)
    """A folder, or `database`: then they are encrypted with `PUBLISHER_KEY`, for all machines."""
    backups: Path = Path("backups")

    @field_validator("media")
    @classmethod
    def _folder_or_bucket(cls, value: str) -> str:
        if is_bucket_url(value):
            parse_bucket(value)
        return value

    @property
    def bucket(self) -> Bucket | None:
        """Returns the bucket that stores media. None: the folder `media` stores them."""
        return parse_bucket(self.media) if is_bucket_url(self.media) else None

    @field_validator("database")
    @classmethod
    def _database_url(cls, value: str) -> str:
        try:
            backend = make_url(value).get_backend_name()
        except ArgumentError:
            backend = ""
        if backend not in ("sqlite", "postgresql"):
            raise ValueError(_('it must be a URL such as "sqlite:///queue.db" or "postgresql+psycopg://host/name"'))
        return value


class DeliverySettings(Section):
    """Says how deliveries are sent, looked up and repeated."""

    lease_seconds: float = Field(default=30.0, gt=0)
    """A worker that does not renew its lease for this long has lost its delivery."""
    look_up_after: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(10.0, 60.0, 300.0), min_length=1)
    """Seconds after an unknown outcome at which the platform is asked whether the post is there."""
    listing_lag_seconds: float | None = Field(default=None, ge=0)
    """Seconds after an unknown outcome for which a platform's list may lack the post. None: as its profile says."""
    after_unknown: Literal["wait", "ask"] = "wait"
    """After an unknown outcome, when the platform's list is up to date and does not show the post: `wait` sends it
    again, `ask` lets a person decide."""
    slowest_uplink_kbit: float = Field(default=256.0, gt=0)
    """Kilobits per second of the slowest connection that uploads are given enough time for."""
    retry_seconds: float = Field(default=20.0, gt=0)
    """The first pause after a platform was not reached; it is doubled each time, up to 15 minutes."""
    workers: int = Field(default=8, ge=1, le=64)
    dispatch: Literal["threads", "procrastinate"] = "threads"
    """How workers are notified of work: in their own process, or through PostgreSQL on any machine."""


class NotifySettings(Section):
    """Says what people are alerted to, and when. The addresses are a secret: `PUBLISHER_NOTIFY_URLS`."""

    days_of_cover: int = Field(default=7, ge=0)
    """People are alerted when fewer days than this have a post."""
    deadline_minutes: int = Field(default=30, ge=1)
    """Minutes after a channel's hour until people are alerted that its post is not out."""
    preflight: ClockTime | None = time(18)
    """The time of the evening before at which tomorrow's post is checked. None: never."""
    link: str = ""
    """The address of the desk's pages, for links in messages."""

    @field_validator("preflight", mode="before")
    @classmethod
    def _or_never(cls, value: object) -> object:
        return None if value == "never" else value


class WebSettings(Section):
    """Says how the desk's pages are served."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """`publisher run` serves the pages at this port. None: only `publisher web` does."""
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    """Host names that the desk answers to, besides this machine's own and that of `notify.link`."""
    root_path: str = Field(default="", pattern="^(/[^/]+)*$")
    """The path that a proxy serves the pages under."""
    proxies: tuple[str, ...] = ()
    """Addresses whose forwarded headers are trusted."""
    webhooks_to_private: bool = False
    """Webhooks may lead to this machine and to private networks, and there without TLS."""
    connections: int = Field(default=500, ge=8, le=20_000)
    """The maximum of open connections; never more than half of the process's file descriptors."""
    connections_per_address: int = Field(default=100, ge=4)
    """The maximum from one IPv4 address or IPv6 /64 network; not counted for `proxies` and for this machine."""


class SiteSettings(Section):
    """Says whether and how the outlet's public pages are served."""

    enabled: bool = False
    """`publisher run` serves them."""
    port: int = Field(default=8090, ge=0, le=65535)
    host: str = "127.0.0.1"
    address: str = ""
    """The address that visitors know, such as `https://example.org`; it may have a path. Empty: host and port."""
    proxies: tuple[str, ...] = ()
    """Addresses whose forwarded headers are trusted."""

    @field_validator("address")
    @classmethod
    def _public_address(cls, value: str) -> str:
        # Whatever stands in it goes into every page, the feeds and the map of the site.
        if value and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~-]+)*/?", value):
            raise ValueError(_('it must be an address such as "https://example.org"'))
        return value.rstrip("/")

    @property
    def base_url(self) -> str:
        """Returns the address that links of feeds begin with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.address or f"http://{host}:{self.port}"

    @property
    def root_path(self) -> str:
        """Returns the path of the address; empty: the site has its host name for itself."""
        return urlsplit(self.address).path


class HealthSettings(Section):
    """Says where `publisher run` serves `/healthz`, `/readyz` and `/metrics`."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """None: not served."""
    host: str = "127.0.0.1"


Missing = Literal["hold", "skip", "original"]


class ChannelSettings(Section):
    """Describes one channel."""

    name: str = Field(exclude=True)
    """The name of its table: [channels.NAME]."""
    platform: str
    account: AccountName
    language: str | None = None
    hour: ClockTime | None = None
    caption: Path
    """The caption template, relative to the folder of the configuration file."""
    fit: Fit | None = None
    missing_translation: Missing = "hold"
    drafts: bool = True
    """Publishes through a draft, where the platform has drafts: then a repeated request is harmless."""
    thread: bool = False
    """Continues a body that does not fit in replies, instead of shortening it."""
    monthly_budget: float | None = Field(default=None, gt=0)
    """US dollars that the platform may cost in a month; beyond it the channel holds its posts. None: no limit."""
    limits: dict[Limit, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    base_url: str | None = None
    post_page: str | None = None
    """The address that the desk's links to its posts lead to, with `{id}`. None: the platform's own. For a sandbox."""
    proxy: str | None = Field(default=None, repr=False)
    ca_file: Path | None = None

    @field_validator("name")
    @classmethod
    def _short_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", value):
            raise ValueError(
                _(
                    "“{value}” can't name a channel; write at most 40 of a-z, 0-9, - and _, beginning with a letter",
                    value=value,
                )
            )
        return value

    def secret_variable(self, secret: str) -> str:
        """Returns the name of the environment variable of one of this channel's secrets."""
        return f"PUBLISHER_{self.name}_{secret}".upper().replace("-", "_")
