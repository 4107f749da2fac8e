"""Reads the configuration, `config/publisher.toml`, overridden by the environment, and secrets."""

from publisher.core.errors import SettingsError, SettingsUnreadable, unreadable_error
from publisher.core.secret_reading import read_secret
from publisher.settings.buckets import Bucket
from publisher.settings.loading import (
    ENV_PREFIX,
    Settings,
    load_settings,
)
from publisher.settings.sections import (
    ArchiveSettings,
    ChannelSettings,
    ClockTime,
    DeliverySettings,
    HealthSettings,
    Lateness,
    Missing,
    NotifySettings,
    OutletSettings,
    ReserveSettings,
    ReuseRule,
    SiteSettings,
    StorageSettings,
    WebSettings,
)

__all__ = [
    "ENV_PREFIX",
    "ArchiveSettings",
    "Bucket",
    "ChannelSettings",
    "ClockTime",
    "DeliverySettings",
    "HealthSettings",
    "Lateness",
    "Missing",
    "NotifySettings",
    "OutletSettings",
    "ReserveSettings",
    "ReuseRule",
    "Settings",
    "SettingsError",
    "SettingsUnreadable",
    "SiteSettings",
    "StorageSettings",
    "WebSettings",
    "load_settings",
    "read_secret",
    "unreadable_error",
]
