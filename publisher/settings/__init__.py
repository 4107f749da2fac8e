"""The configuration: `config/publisher.toml`, overridden by the environment, and secrets."""

from publisher.settings.buckets import Bucket
from publisher.settings.loading import ENV_PREFIX, Settings, SettingsError, load_settings, read_secret
from publisher.settings.sections import (
    ChannelSettings,
    ClockTime,
    DeliverySettings,
    HealthSettings,
    Lateness,
    Missing,
    NotifySettings,
    OutletSettings,
    ReserveSettings,
    StorageSettings,
    WebSettings,
)

__all__ = [
    "ENV_PREFIX",
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
    "Settings",
    "SettingsError",
    "StorageSettings",
    "WebSettings",
    "load_settings",
    "read_secret",
]
