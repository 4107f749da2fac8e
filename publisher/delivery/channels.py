"""From a channel's name to an adapter that can reach its account."""

from __future__ import annotations

from publisher.clock import Clock
from publisher.content import Account
from publisher.platforms.base import Connection, Dialogue, PlatformAdapter, SessionFile
from publisher.platforms.errors import CredentialsRefused
from publisher.platforms.registry import adapter_class
from publisher.profiles import Profile, load_profile
from publisher.settings import ChannelSettings, Settings, SettingsError, read_secret


class Channels:
    """The channels of the configuration, and the way to their platforms."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def __contains__(self, name: str) -> bool:
        return name in self._settings.channels

    def names(self) -> tuple[str, ...]:
        return tuple(self._settings.channels)

    def profile(self, name: str) -> Profile:
        """The platform's profile with the channel's own limits."""
        channel = self._channel(name)
        return load_profile(channel.platform).with_limits(channel.limits)

    def open(self, name: str) -> PlatformAdapter:
        """An adapter for this channel; nothing is sent yet.

        Raises:
            CredentialsRefused: a secret is missing or a stored session can't be used.
        """
        channel = self._channel(name)
        adapter = adapter_class(channel.platform)
        return adapter.connect(self._connection(channel, require=True))

    def authorize(self, name: str, dialogue: Dialogue) -> Account:
        """Log in once by hand, and store what the platform hands out."""
        channel = self._channel(name)
        return adapter_class(channel.platform).authorize(self._connection(channel, require=False), dialogue)

    def _channel(self, name: str) -> ChannelSettings:
        try:
            return self._settings.channels[name]
        except KeyError:
            known = ", ".join(self._settings.channels)
            raise SettingsError(f"there is no channel {name!r} in {self._settings.file}; known are {known}") from None

    def _connection(self, channel: ChannelSettings, *, require: bool) -> Connection:
        found: dict[str, str] = {}
        for secret in adapter_class(channel.platform).secrets:
            variable = channel.secret_variable(secret.name)
            value = _secret(variable)
            if value is not None:
                found[secret.name] = value
            elif require and secret.required:
                raise CredentialsRefused(
                    f"The channel {channel.name!r} lacks {secret.hint}; set {variable} or {variable}_FILE."
                )
        return Connection(
            channel=channel.name,
            account=channel.account,
            profile=self.profile(channel.name),
            secrets=found,
            session=SessionFile(self._settings.path(self._settings.storage.sessions) / f"{channel.name}.json"),
            clock=self._clock,
            base_url=channel.base_url,
            proxy=channel.proxy,
            ca_file=self._settings.path(channel.ca_file) if channel.ca_file else None,
        )


def _secret(variable: str) -> str | None:
    try:
        return read_secret(variable)
    except SettingsError as error:
        raise CredentialsRefused(f"{error}.") from error
