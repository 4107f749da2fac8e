"""Opens the media store that the configuration names."""

from __future__ import annotations

import importlib

from publisher.core.extras import Extra, require_extra
from publisher.core.messages import _
from publisher.media.base import MediaStore
from publisher.media.cache import LocalCache
from publisher.media.folder import FolderStore
from publisher.settings import Settings, SettingsError, read_secret
from publisher.settings.private_paths import MEDIA_COPIES

ACCESS_KEY, SECRET_KEY = "PUBLISHER_S3_ACCESS_KEY", "PUBLISHER_S3_SECRET_KEY"


def open_media_store(settings: Settings) -> MediaStore:
    """Opens a folder, or a bucket with its copies in `media-cache` beside `config/`. Connects to nothing yet.

    Raises:
        ExtraMissing: the packages for a bucket are not installed.
        SettingsError: one of the bucket's two keys is not set, or can't be read.
    """
    bucket = settings.storage.bucket
    if bucket is None:
        return FolderStore(settings.path(settings.storage.media))
    access_key, secret_key = read_secret(ACCESS_KEY), read_secret(SECRET_KEY)
    if (access_key is None) != (secret_key is None):
        raise SettingsError(_("only one of {first} and {second} is set; set both", first=ACCESS_KEY, second=SECRET_KEY))
    require_extra(Extra.S3)
    # boto3 takes long to import: whoever keeps media in a folder does without.
    s3 = importlib.import_module("publisher.media.s3")
    store: MediaStore = s3.S3Store(
        bucket, LocalCache(settings.path(MEDIA_COPIES)), access_key=access_key, secret_key=secret_key
    )
    return store
