"""The channels of the configuration, ready to adapt posts for."""

from __future__ import annotations

import difflib
from pathlib import Path

from publisher.adapt.people import People, PeopleError
from publisher.adapt.posts import Target
from publisher.adapt.templates import TemplateError, check_template
from publisher.profiles import load_profile, platform_names
from publisher.settings import ChannelSettings, Settings, SettingsError

PEOPLE_FILE = "people.toml"


def load_targets(settings: Settings) -> dict[str, Target]:
    """Every channel with its platform's profile and its caption template, in the configuration's order.

    Raises:
        SettingsError: a platform is unknown, or a template is missing or wrong; the sentence
            names the file and the key.
    """
    return {name: _load_target(settings, channel) for name, channel in settings.channels.items()}


def load_people(settings: Settings) -> People:
    """The directory of people beside the configuration file; an empty one when there is none.

    Raises:
        SettingsError: the file can't be used.
    """
    try:
        return People.load(settings.file.parent / PEOPLE_FILE)
    except PeopleError as error:
        raise SettingsError(str(error)) from None


def _load_target(settings: Settings, channel: ChannelSettings) -> Target:
    key = f"{settings.file}: channels.{channel.name}"
    if channel.platform not in platform_names():
        near = difflib.get_close_matches(channel.platform, platform_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(platform_names())}"
        raise SettingsError(f"{key}.platform: there is no platform {channel.platform!r}; {hint}")
    profile = load_profile(channel.platform)
    if channel.thread and not profile.threads:
        raise SettingsError(f"{key}.thread: replies can't be published on {profile.label} yet; remove it")
    file = settings.file.parent / channel.caption
    return Target(
        channel=channel.name,
        platform=channel.platform,
        profile=profile.with_limits(channel.limits),
        language=settings.channel_language(channel),
        template=_read_template(file, f"{key}.caption"),
        template_name=str(channel.caption),
        fit=channel.fit,
        missing_translation=channel.missing_translation,
        thread=channel.thread,
    )


def _read_template(file: Path, key: str) -> str:
    try:
        source = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{key}: the template {file} is not there; write it, or name another one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key}: the template {file} can't be read: {error}") from None
    try:
        check_template(source, str(file))
    except TemplateError as error:
        raise SettingsError(f"{key}: {error}") from None
    return source
