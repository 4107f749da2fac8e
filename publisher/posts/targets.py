"""Loads the channels of the configuration as targets to adapt posts for."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory, PeopleDirectoryError
from publisher.adapt.text.templates import TemplateError, check_template
from publisher.core.file_reading import TEMPLATE_BYTES, read_text
from publisher.core.logs import get_logger
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import _
from publisher.core.outage_log import LogOnce
from publisher.core.problems import Problem
from publisher.platforms.profiles import load_profile, platform_names
from publisher.posts.problem_codes import ChannelTargetProblem, PeopleFileProblem
from publisher.settings import ChannelSettings, Settings, SettingsError, SettingsUnreadable, unreadable_error

PEOPLE_FILE = "people.toml"


Stamp = tuple[int, int, int, int] | None
"""Differs whenever a file or its permissions have changed; None: the file is missing."""


class TargetFiles:
    """Reads the templates and the directory of people, and reads them again when one of them has changed.

    So a mistake takes effect when it is made, and ends when it is mended: preview, approval and
    pick always use the same files. What was read again is logged. Any number of threads may use it.
    While this machine can't read one, what was read before is used, and every call tries again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._stamps: dict[Path, Stamp] = {}
        self._targets: dict[str, Target] = {}
        self._people = PeopleDirectory()
        self._outage = LogOnce("desk", "reading the templates and the directory of people")

    def targets(self) -> dict[str, Target]:
        """Returns what `load_targets` returns; the same object for as long as no file has changed."""
        with self._lock:
            self._read_if_changed()
            return self._targets

    def people(self) -> PeopleDirectory:
        """Returns the directory of people, or an empty one that says why it could not be read."""
        with self._lock:
            self._read_if_changed()
            return self._people

    def _read_if_changed(self) -> None:
        stamps = {file: _stamp(file) for file in (people_file(self._settings), *_templates(self._settings))}
        if stamps == self._stamps:
            return
        before = self._stamps
        try:
            self._read()
        except SettingsUnreadable as error:
            if not self._targets:
                raise
            self._outage.failed(error, trace=False)
            return
        self._outage.worked()
        self._stamps = stamps
        self._log_changes([file for file in stamps if before and before.get(file) != stamps[file]])

    def _read(self) -> None:
        """Reads all files. Raises SettingsUnreadable, with nothing changed, for what the next try may read."""
        targets = load_targets(self._settings)
        try:
            people = load_people(self._settings)
        except SettingsUnreadable as error:
            if not error.lasting:
                raise
            people = PeopleDirectory(unreadable=PeopleFileProblem.PEOPLE_UNREADABLE(why=error.text))
        except SettingsError as error:
            people = PeopleDirectory(unreadable=PeopleFileProblem.PEOPLE_UNREADABLE(why=error.text))
        self._targets, self._people = targets, people

    def _log_changes(self, changed: list[Path]) -> None:
        log = get_logger("desk")
        if changed:
            log.info("read again, because they were changed", files=[str(file) for file in changed])
        for target in self._targets.values():
            if target.broken:
                log.error("nothing can be adapted for the channel", channel=target.channel, why=str(target.broken))
        if self._people.unreadable:
            log.error("posts that mention somebody can't be adapted", why=str(self._people.unreadable))


def load_targets(settings: Settings) -> dict[str, Target]:
    """Loads every channel with its platform's profile and its caption template, in the configuration's order.

    The target's `broken` says what is wrong with a template, so that the other channels go on. It says also when a
    channel would publish the same text on the same account as one before it.

    Raises:
        SettingsUnreadable: this machine can't read a template now; the next try may work.
        SettingsError: a platform is unknown, or can't do what is asked of it; the sentence names
            the file and the key.
    """
    targets: dict[str, Target] = {}
    for name, channel in settings.channels.items():
        target = _load_target(settings, channel)
        if not target.broken and (other := _same_text(settings, target, targets.values())):
            broken = ChannelTargetProblem.SAME_TEXT_ON_ACCOUNT(
                file=str(settings.file), channel=name, account=channel.account, other=other
            )
            target = target.model_copy(update={"broken": broken})
        targets[name] = target
    return targets


def check_targets(settings: Settings) -> dict[str, Target]:
    """Loads the targets and refuses broken ones. Raises SettingsError with the first mistake."""
    targets = load_targets(settings)
    for target in targets.values():
        if target.broken:
            raise SettingsError(target.broken)
    return targets


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Identifies the account of a channel, however its name is written."""

    platform: str
    name: str
    base_url: str

    @classmethod
    def of(cls, channel: ChannelSettings) -> AccountKey:
        name = channel.account.strip().lstrip("@").casefold().removesuffix(f".{channel.platform}.com")
        return cls(channel.platform, name, (channel.base_url or "").rstrip("/"))


def channels_by_account(settings: Settings) -> dict[AccountKey, list[str]]:
    """Lists the channels of each account, in the configuration's order."""
    channels: dict[AccountKey, list[str]] = {}
    for channel in settings.channels.values():
        channels.setdefault(AccountKey.of(channel), []).append(channel.name)
    return channels


def _same_text(settings: Settings, target: Target, others: Iterable[Target]) -> str:
    """Returns the channel among others with this one's account, language and caption; empty when none has."""
    account = AccountKey.of(settings.channels[target.channel])
    for other in others:
        same = (other.language, other.template) == (target.language, target.template)
        if same and AccountKey.of(settings.channels[other.channel]) == account:
            return other.channel
    return ""


def people_file(settings: Settings) -> Path:
    return settings.file.parent / PEOPLE_FILE


def _templates(settings: Settings) -> list[Path]:
    return [settings.file.parent / channel.caption for channel in settings.channels.values()]


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    # The time of the last change of its permissions too: giving one mends a file that could not be read.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def load_people(settings: Settings) -> PeopleDirectory:
    """Loads the directory of people beside the configuration file; an empty one when there is none.

    Raises:
        SettingsError: the file can't be used.
    """
    try:
        return PeopleDirectory.load(people_file(settings))
    except PeopleDirectoryError as error:
        if reading_problem(error):
            raise unreadable_error(str(people_file(settings)), error) from error
        raise SettingsError(error.text) from None


def _load_target(settings: Settings, channel: ChannelSettings) -> Target:
    key = f"{settings.file}: channels.{channel.name}"
    if channel.platform not in platform_names():
        near = difflib.get_close_matches(channel.platform, platform_names(), n=1)
        if near:
            raise SettingsError(
                _(
                    "{key}.platform: there is no platform “{platform}”; did you mean “{near}”?",
                    key=key,
                    platform=channel.platform,
                    near=near[0],
                )
            )
        raise SettingsError(
            _(
                "{key}.platform: there is no platform “{platform}”; known are {platforms:list}",
                key=key,
                platform=channel.platform,
                platforms=platform_names(),
            )
        )
    profile = load_profile(channel.platform)
    if channel.thread and not profile.threads:
        raise SettingsError(
            _("{key}.thread: replies can't be published on {platform} yet; remove it", key=key, platform=profile.label)
        )
    template, broken = _try_template(settings.file.parent / channel.caption, f"{key}.caption")
    return Target(
        channel=channel.name,
        platform=channel.platform,
        profile=profile.with_limits(channel.limits),
        language=settings.channel_language(channel),
        template=template,
        template_name=str(channel.caption),
        fit=channel.fit,
        missing_translation=channel.missing_translation,
        thread=channel.thread,
        broken=broken,
    )


def _try_template(file: Path, key: str) -> tuple[str, Problem | None]:
    """Returns the template, or why there is none. Raises SettingsUnreadable for what the next try may read."""
    try:
        return _read_template(file, key), None
    except SettingsUnreadable as error:
        if not error.lasting:
            raise
        return "", ChannelTargetProblem.TEMPLATE_UNUSABLE(why=error.text)
    except SettingsError as error:
        return "", ChannelTargetProblem.TEMPLATE_UNUSABLE(why=error.text)


def _read_template(file: Path, key: str) -> str:
    try:
        source = read_text(file, TEMPLATE_BYTES)
    except FileNotFoundError:
        raise SettingsError(
            _("{key}: the template {file} is not there; write it, or name another one", key=key, file=str(file))
        ) from None
    except OSError as error:
        raise unreadable_error(_("{key}: the template {file}", key=key, file=str(file)), error) from error
    except UnicodeDecodeError:
        raise SettingsError(
            _("{key}: the template {file} is not UTF-8 text; save it as UTF-8", key=key, file=str(file))
        ) from None
    try:
        check_template(source, str(file))
    except TemplateError as error:
        raise SettingsError(_("{key}: {why}", key=key, why=error.text)) from None
    return source
