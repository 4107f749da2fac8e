"""Opens the adapter that reaches a channel's account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, partial
from zoneinfo import ZoneInfo

from publisher.core.clock import Clock
from publisher.core.content import Account
from publisher.core.encryption import SecretCipher
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import _
from publisher.db.session import Database
from publisher.delivery.problem_codes import ChannelProblem
from publisher.delivery.sessions import DatabaseSession
from publisher.platforms.base import Connection, Dialogue, PlatformAdapter, Quota
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.login_steps import ConnectsInSteps, LoginStep
from publisher.platforms.profiles import Profile, load_profile
from publisher.platforms.registry import adapter_class
from publisher.platforms.session_files import SessionFile, SessionStore
from publisher.settings import ChannelSettings, Settings, SettingsError, read_secret

IN_DATABASE = "database"
"""What `storage.sessions` says instead of a folder."""


class Channels:
    """Holds the channels of the configuration, and opens their adapters."""

    def __init__(self, settings: Settings, clock: Clock, database: Callable[[], Database] | None = None) -> None:
        """`database`: opens it, when sessions lie in it. None: as the settings say."""
        self._settings = settings
        self._clock = clock
        self._open_database = database or (lambda: Database.open(settings.database_url))
        self._listener: Callable[[str, Sequence[Quota]], None] = _forget
        self._clock_listener: Callable[[str, timedelta], None] = _forget_clock

    def __contains__(self, name: str) -> bool:
        return name in self._settings.channels

    def names(self) -> tuple[str, ...]:
        return tuple(self._settings.channels)

    def profile(self, name: str) -> Profile:
        """Returns the platform's profile with the channel's own limits."""
        channel = self._channel(name)
        return load_profile(channel.platform).with_limits(channel.limits)

    def account(self, name: str) -> str:
        """Returns the blog or user name that the channel publishes as, as the configuration gives it."""
        return self._channel(name).account

    def adapter(self, name: str) -> type[PlatformAdapter]:
        """Returns the class of the channel's adapter: what can be asked without its secrets."""
        return adapter_class(self._channel(name).platform)

    @property
    def uplink_bytes_per_second(self) -> float:
        """Returns the speed of the slowest line that uploads are allowed time for."""
        return self._settings.delivery.slowest_uplink_kbit * 1000 / 8

    @property
    def zone(self) -> ZoneInfo:
        """Returns the outlet's time zone: people read times and months in it."""
        return self._settings.outlet.zone

    def monthly_budget(self, name: str) -> float | None:
        """Returns the budget in US dollars; None: no limit."""
        return self._channel(name).monthly_budget

    def on_quota(self, listener: Callable[[str, Sequence[Quota]], None]) -> None:
        """Has `listener` called with the channel and each quota that a platform names. It never raises."""
        self._listener = listener

    def on_platform_clock(self, listener: Callable[[str, timedelta], None]) -> None:
        """Has `listener` called with the channel and how far its platform's clock is ahead. It never raises."""
        self._clock_listener = listener

    def open(self, name: str) -> PlatformAdapter:
        """Opens an adapter for this channel; nothing is sent yet.

        Raises:
            CredentialsRefused: a secret is missing or a stored session can't be used.
        """
        channel = self._channel(name)
        adapter = adapter_class(channel.platform)
        return adapter.connect(self._connection(channel, require=True))

    def authorize(self, name: str, dialogue: Dialogue) -> Account:
        """Logs in once by hand, and stores what the platform hands out."""
        channel = self._channel(name)
        return adapter_class(channel.platform).authorize(self._connection(channel, require=False), dialogue)

    def connects_in_steps(self, name: str) -> bool:
        """Returns whether `begin_login` can be called for this channel."""
        return isinstance(adapter_class(self._channel(name).platform), ConnectsInSteps)

    def leads_back(self, name: str) -> bool:
        """Returns whether the log-in leads to a page of the platform and back from there."""
        adapter: object = adapter_class(self._channel(name).platform)
        return isinstance(adapter, ConnectsInSteps) and adapter.leads_back

    def check_app(self, name: str) -> None:
        """Raises CredentialsRefused when the configuration lacks what a log-in needs. Sends nothing."""
        adapter, connection = self._steps(name)
        adapter.check_app(connection)

    def begin_login(self, name: str, callback_url: str) -> LoginStep | Account:
        """Calls `ConnectsInSteps.begin_login`."""
        adapter, connection = self._steps(name)
        with _storable(name):
            return adapter.begin_login(connection, callback_url)

    def finish_login(self, name: str, kept: Mapping[str, str], answer: Mapping[str, str]) -> LoginStep | Account:
        """Calls `ConnectsInSteps.finish_login`."""
        adapter, connection = self._steps(name)
        with _storable(name):
            return adapter.finish_login(connection, kept, answer)

    def _steps(self, name: str) -> tuple[ConnectsInSteps, Connection]:
        channel = self._channel(name)
        adapter: object = adapter_class(channel.platform)
        if not isinstance(adapter, ConnectsInSteps):
            raise CredentialsRefused(ChannelProblem.NOT_IN_BROWSER(channel=name))
        return adapter, self._connection(channel, require=False)

    def _channel(self, name: str) -> ChannelSettings:
        try:
            return self._settings.channels[name]
        except KeyError:
            raise SettingsError(
                _(
                    "there is no channel “{channel}” in {file}; known are {known:list}",
                    channel=name,
                    file=self._settings.file,
                    known=list(self._settings.channels),
                )
            ) from None

    def _connection(self, channel: ChannelSettings, *, require: bool) -> Connection:
        secrets: dict[str, str] = {}
        for secret in adapter_class(channel.platform).secrets:
            variable = channel.secret_variable(secret.name)
            value = _secret(variable)
            if value is not None:
                secrets[secret.name] = value
            elif require and secret.required:
                raise CredentialsRefused(
                    ChannelProblem.SECRET_MISSING(channel=channel.name, secret=secret.hint, variable=variable)
                )
        return Connection(
            channel=channel.name,
            account=channel.account,
            profile=self.profile(channel.name),
            secrets=secrets,
            session=self._session(channel.name),
            clock=self._clock,
            base_url=channel.base_url,
            proxy=channel.proxy,
            ca_file=self._settings.path(channel.ca_file) if channel.ca_file else None,
            quotas=partial(self._listener, channel.name),
            platform_clock=partial(self._clock_listener, channel.name),
            uplink_bytes_per_second=self.uplink_bytes_per_second,
            drafts=channel.drafts,
        )

    def _session(self, name: str) -> SessionStore:
        sessions = self._settings.storage.sessions
        if sessions != IN_DATABASE:
            return SessionFile(self._settings.path(sessions) / f"{name}.json")
        try:
            # First of all, so that no token is got which then can't be stored.
            seal = SecretCipher.from_environment()
        except SettingsError as error:
            raise _refused(error) from error
        return DatabaseSession(name, self._database, seal, self._clock)

    @cached_property
    def _database(self) -> Database:
        return self._open_database()


def _forget(_channel: str, _quotas: Sequence[Quota]) -> None:
    """Ignores quotas."""


def _forget_clock(_channel: str, _ahead: timedelta) -> None:
    """Ignores what an answer says about the platform's clock."""


@contextmanager
def _storable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = reading_problem(error) or error.strerror or str(error)
        raise Unavailable(ChannelProblem.LOGIN_NOT_STORED(channel=name, why=why)) from error


def _secret(variable: str) -> str | None:
    try:
        return read_secret(variable)
    except SettingsError as error:
        raise _refused(error) from error


def _refused(error: SettingsError) -> CredentialsRefused | Unavailable:
    """Returns the error for a secret that can't be read on this machine now, or is not as it should be."""
    if problem := reading_problem(error):
        return Unavailable(ChannelProblem.SECRET_UNREADABLE(why=problem))
    return CredentialsRefused(ChannelProblem.SECRET_UNUSABLE(why=error.text))
