"""Reads the configuration, `config/publisher.toml`, overridden by the environment.

Every mistake in it is one sentence that names the file, the line or the key, and what to do.
A secret is never part of a `Settings` value: it is read when a channel is connected.
"""

from __future__ import annotations

import os
import tomllib
from datetime import time
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable
from sqlalchemy.engine import make_url

from publisher.core.errors import SettingsError, unreadable_error
from publisher.core.file_reading import CONFIGURATION_BYTES, read_text
from publisher.core.messages import _
from publisher.settings.config_errors import (
    ConfigurationFile,
    WrongValue,
    describe_first_mistake,
    describe_unknown_key,
    known_keys,
)
from publisher.settings.sections import (
    ArchiveSettings,
    ChannelSettings,
    DeliverySettings,
    HealthSettings,
    NotifySettings,
    OutletSettings,
    ReserveSettings,
    SiteSettings,
    StorageSettings,
    WebSettings,
)

ENV_PREFIX = "PUBLISHER__"


class Settings(BaseSettings):
    """Holds the configuration of one outlet."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    outlet: OutletSettings
    reserve: ReserveSettings = ReserveSettings()
    archive: ArchiveSettings = ArchiveSettings()
    storage: StorageSettings = StorageSettings()
    delivery: DeliverySettings = DeliverySettings()
    notify: NotifySettings = NotifySettings()
    web: WebSettings = WebSettings()
    site: SiteSettings = SiteSettings()
    health: HealthSettings = HealthSettings()
    channels: dict[str, ChannelSettings] = Field(min_length=1)
    file: Path = Field(exclude=True)
    """The file that the configuration was read from."""

    @model_validator(mode="before")
    @classmethod
    def _name_channels(cls, values: Any) -> Any:
        channels = values.get("channels") if isinstance(values, dict) else None
        if isinstance(channels, dict):
            named = {
                name: {**table, "name": name} if isinstance(table, dict) else table for name, table in channels.items()
            }
            return {**values, "channels": named}
        return values

    @model_validator(mode="after")
    def _hours_in_order(self) -> Settings:
        for channel in self.channels.values():
            if channel.hour is not None and channel.hour < self.outlet.hour:
                raise WrongValue(
                    _(
                        "channels.{channel:key}.hour is {hour:clock}, before the outlet's hour "
                        "{picked:clock} at which the post is picked; make outlet.hour the earliest",
                        channel=channel.name,
                        hour=channel.hour,
                        picked=self.outlet.hour,
                    ),
                    key=f"channels.{channel.name}.hour",
                )
            if self.outlet.lateness.until is not None and self.outlet.lateness.until <= (
                channel.hour or self.outlet.hour
            ):
                raise WrongValue(
                    _(
                        "outlet.lateness ends at {until:clock}, before the channel {channel} "
                        "publishes; make it later than every channel's hour",
                        until=self.outlet.lateness.until,
                        channel=channel.name,
                    ),
                    key="outlet.lateness",
                )
        return self

    @model_validator(mode="after")
    def _engine_has_its_database(self) -> Settings:
        if self.delivery.dispatch == "procrastinate" and self.database_file is not None:
            raise WrongValue(
                _(
                    'delivery.dispatch is "procrastinate", which works on '
                    "PostgreSQL only; give storage.database a PostgreSQL URL"
                ),
                key="delivery.dispatch",
            )
        return self

    @model_validator(mode="after")
    def _secrets_apart(self) -> Settings:
        names: dict[str, str] = {}
        for name, channel in self.channels.items():
            if (other := names.setdefault(channel.secret_variable(""), name)) != name:
                raise WrongValue(
                    _(
                        "channels.{name} would read the secrets of channels.{other}; rename one of them",
                        name=name,
                        other=other,
                    ),
                    key=f"channels.{name}",
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Lets the environment override the file."""
        return env_settings, init_settings

    @property
    def root(self) -> Path:
        """Returns the folder that relative paths start from: the one that holds `config/`."""
        folder = self.file.parent
        return folder.parent if folder.name == "config" else folder

    def path(self, relative: Path | str) -> Path:
        """Returns a path below the desk's folder."""
        return self.root / relative

    @property
    def database_url(self) -> str:
        """Returns the database URL, with a relative SQLite file made absolute."""
        url = make_url(self.storage.database)
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            url = url.set(database=str(self.path(Path(url.database))))
        return url.render_as_string(hide_password=False)

    @property
    def database_file(self) -> Path | None:
        """Returns the SQLite file; None for another database."""
        url = make_url(self.database_url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    def channel_hour(self, channel: ChannelSettings) -> time:
        """Returns when a channel publishes."""
        return channel.hour or self.outlet.hour

    def channel_language(self, channel: ChannelSettings) -> str:
        """Returns the language that a channel publishes in."""
        return channel.language or self.outlet.language


def load_settings(file: Path) -> Settings:
    """Reads and checks the configuration.

    Raises:
        SettingsError: it is missing or wrong; the message is one sentence.
    """
    try:
        text = read_text(file, CONFIGURATION_BYTES, "utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(_("{file} is not there; run `publisher init` to write one", file=file)) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            _("{file} is not UTF-8 text (byte {position}); save it as UTF-8", file=file, position=error.start)
        ) from None
    except OSError as error:
        raise unreadable_error(str(file), error, _("mend its path")) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_("{file} is no valid TOML: {error}; mend it there", file=file, error=error)) from None
    source = ConfigurationFile(file, text, ENV_PREFIX)
    if "file" in values:
        raise SettingsError(_("{place}: unknown key “file”; remove it", place=source.place(("file",))))
    _refuse_unknown_variables()
    try:
        return Settings(file=file.absolute(), **values)
    except ValidationError as error:
        raise SettingsError(describe_first_mistake(source, error, Settings)) from None
    except UnreadableVariable as error:
        raise SettingsError(
            _("the environment can't be used: {error}; set single keys, not whole tables", error=error)
        ) from None


def _refuse_unknown_variables() -> None:
    # pydantic would ignore an unknown section, and `file` would move every path.
    known = known_keys(Settings, ())
    for variable in sorted(os.environ):
        section = variable.upper().removeprefix(ENV_PREFIX).partition("__")[0].lower()
        if variable.upper().startswith(ENV_PREFIX) and section not in known:
            raise SettingsError(
                _(
                    "the environment variable {variable}: {problem}",
                    variable=variable,
                    problem=describe_unknown_key(section, known),
                )
            )
