"""Tests that `publisher init` writes a valid configuration, and never overwrites a file."""

from __future__ import annotations

import re
import tomllib
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from publisher.adapt.text.mentions import PeopleDirectory
from publisher.alerts import PING_VARIABLE, URLS_VARIABLE
from publisher.alerts.personal_addresses import MAIL_VARIABLE
from publisher.core.encryption import KEY_VARIABLE
from publisher.health.probe_access import TOKEN_VARIABLE
from publisher.media.opening import ACCESS_KEY, SECRET_KEY
from publisher.platforms.profiles import platform_names
from publisher.settings import (
    ChannelSettings,
    DeliverySettings,
    HealthSettings,
    NotifySettings,
    OutletSettings,
    ReserveSettings,
    Settings,
    SiteSettings,
    StorageSettings,
    WebSettings,
    load_settings,
)
from publisher.starter import starter_files, write_starter

REPOSITORY = Path(__file__).parents[2]
CONFIGURATION = Path("config/publisher.toml")
SECTIONS: dict[str, type[BaseModel]] = {
    "outlet": OutletSettings,
    "reserve": ReserveSettings,
    "storage": StorageSettings,
    "delivery": DeliverySettings,
    "notify": NotifySettings,
    "web": WebSettings,
    "site": SiteSettings,
    "health": HealthSettings,
}


def uncommented(text: str) -> dict[str, Any]:
    """Returns the configuration with every commented key set."""
    return tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE))


def test_the_starter_writes_every_file_below_config(tmp_path: Path) -> None:
    paths = write_starter(tmp_path)

    assert paths == [tmp_path / path for path in starter_files()]
    assert {path.relative_to(tmp_path) for path in paths} >= {
        CONFIGURATION,
        Path("config/people.toml"),
        Path("config/.env.example"),
    }
    assert all(path.read_text(encoding="utf-8") for path in paths)


def test_the_starter_keeps_existing_files(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / CONFIGURATION).write_text("mine", encoding="utf-8")
    paths = write_starter(tmp_path)

    assert (tmp_path / CONFIGURATION).read_text(encoding="utf-8") == "mine"
    assert {tmp_path / path for path in starter_files()} - set(paths) == {tmp_path / CONFIGURATION}
    assert write_starter(tmp_path) == []


def test_the_starter_follows_no_dangling_link_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    (tmp_path / "desk" / "config").mkdir(parents=True)
    (tmp_path / "desk" / CONFIGURATION).symlink_to(outside)
    write_starter(tmp_path / "desk")

    assert not outside.exists()


def test_the_configuration_is_valid_and_names_a_channel_of_each_platform(tmp_path: Path) -> None:
    write_starter(tmp_path)
    settings = load_settings(tmp_path / CONFIGURATION)

    assert [(name, channel.platform) for name, channel in settings.channels.items()] == [
        (platform, platform) for platform in platform_names()
    ]
    assert settings.root == tmp_path
    assert settings.database_file == tmp_path / "queue.db"


def test_every_key_stands_in_it() -> None:
    values = uncommented(starter_files()[CONFIGURATION])

    for name, section in SECTIONS.items():
        assert set(values[name]) == set(section.model_fields)
    assert set(values["channels"][platform_names()[0]]) == set(ChannelSettings.model_fields) - {"name"}
    assert set(values) == set(Settings.model_fields) - {"file"}


@pytest.mark.parametrize("name", ["reserve", "storage", "delivery", "notify", "web", "health"])
def test_the_defaults_that_the_starter_describes_are_the_defaults(name: str) -> None:
    described = SECTIONS[name].model_validate(uncommented(starter_files()[CONFIGURATION])[name])
    default = SECTIONS[name]()

    # There is no way to write "as the profile says" as a value.
    assert described.model_dump(exclude={"listing_lag_seconds", "port"}) == default.model_dump(
        exclude={"listing_lag_seconds", "port"}
    )


def test_the_outlet_defaults_that_the_starter_describes_are_true() -> None:
    values = uncommented(starter_files()[CONFIGURATION])["outlet"]
    required = {key: values[key] for key in ("name", "time_zone", "hour")}

    assert OutletSettings.model_validate(values) == OutletSettings.model_validate(required)
    assert OutletSettings.model_validate(values).lateness.until == time(20, 0)


def test_every_key_has_its_comment() -> None:
    lines = starter_files()[CONFIGURATION].splitlines()
    for platform in platform_names():
        start = lines.index(f"[channels.{platform}]")
        lines[start : start + 4] = []
    keys = [number for number, line in enumerate(lines) if re.match(r"(# )?[a-z_]+ = ", line)]

    assert [lines[number] for number in keys if not re.match(r"# [A-Z]", lines[number - 1])] == []


def test_the_people_example_is_valid(tmp_path: Path) -> None:
    example = starter_files()[Path("config/people.toml")]
    people = tmp_path / "people.toml"
    people.write_text(re.sub(r"^# (?=\[\[|name|handles)", "", example, flags=re.MULTILINE), encoding="utf-8")

    assert PeopleDirectory.load(people).handle("Ada Example", "x") == "@ada_example"
    assert tomllib.loads(example) == {}


def test_the_secrets_listed_are_empty_and_named_as_the_channels_read_them(tmp_path: Path) -> None:
    write_starter(tmp_path)
    settings = load_settings(tmp_path / CONFIGURATION)
    listed = dict(re.findall(r"^(PUBLISHER_\w+)=(.*)$", starter_files()[Path("config/.env.example")], re.MULTILINE))

    assert listed.pop("PUBLISHER_LOG_LEVEL") == "info"
    assert set(listed.values()) == {""}
    for variable in (KEY_VARIABLE, ACCESS_KEY, SECRET_KEY, URLS_VARIABLE, MAIL_VARIABLE, PING_VARIABLE, TOKEN_VARIABLE):
        del listed[variable]
    prefixes = tuple(channel.secret_variable("") for channel in settings.channels.values())
    assert all(variable.startswith(prefixes) for variable in listed)
    assert settings.channels["tumblr"].secret_variable("oauth_token") in listed


def test_the_repository_configuration_is_the_starter() -> None:
    for path, text in starter_files().items():
        assert (REPOSITORY / path).read_text(encoding="utf-8") == text, f"{path} and the starter differ"
