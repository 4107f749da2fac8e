"""Parses the URL of a place in S3-compatible storage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from publisher.core.messages import _

URL_FORM = "s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Holds the name and address of a bucket."""

    name: str
    prefix: str = ""
    """The beginning of every key, without slashes at its ends. Empty: none."""
    endpoint: str | None = None
    """The service's own address. None: Amazon's."""
    region: str | None = None

    def __str__(self) -> str:
        return str(_("the bucket “{bucket}” at {endpoint}", bucket=self.name, endpoint=self.endpoint or "Amazon S3"))


def is_bucket_url(place: str) -> bool:
    """Decides whether a place for media is a URL and not a folder."""
    return "://" in place or place.lower().startswith("s3:")


def parse_bucket(url: str) -> Bucket:
    """Parses `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.

    Raises:
        ValueError: it can't be used; the message says what to write.
    """
    parts = _split(url)
    if parts.scheme != "s3" or not parts.netloc or parts.fragment:
        raise ValueError(_('it must be a folder, or a bucket written like "{form}"', form=URL_FORM))
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc):
        raise ValueError(
            _(
                "“{name}” can't name a bucket; write 3 to 63 of a-z, 0-9, - and . after s3://, and no credentials",
                name=parts.netloc.rpartition("@")[2],
            )
        )
    prefix = parts.path.strip("/")
    if not re.fullmatch(r"[\w.+=@-]+(/[\w.+=@-]+)*|", prefix, re.ASCII):
        raise ValueError(
            _(
                "the prefix “{prefix}” can't be used; write words of letters, digits, . _ - with / between",
                prefix=prefix,
            )
        )
    options = _options(parts.query)
    endpoint = options.get("endpoint")
    return Bucket(parts.netloc, prefix, _endpoint(endpoint) if endpoint else None, options.get("region"))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(_('it is no URL; write it like "{form}"', form=URL_FORM)) from None


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    for key, value in pairs:
        if key not in ("endpoint", "region"):
            raise ValueError(
                _("“{key}” is not known after the ?; write endpoint=https://HOST, region=NAME, or both", key=key)
            )
        if not value or [other for other, _value in pairs].count(key) > 1:
            raise ValueError(_("{key}= must stand once after the ?, with a value; mend it", key=key))
    return options


def _endpoint(value: str) -> str:
    if "@" in value:
        raise ValueError(
            _("endpoint= must hold no credentials; set PUBLISHER_S3_ACCESS_KEY and PUBLISHER_S3_SECRET_KEY instead")
        )
    if not re.fullmatch(r"https?://([\w.-]+|\[[\da-f:]+\])(:\d{1,5})?/?", value, re.ASCII | re.IGNORECASE):
        raise ValueError(_("endpoint= must be the service's address alone, such as https://s3.example.org:9000"))
    return value.rstrip("/")
