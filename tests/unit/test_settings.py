"""Tests that the configuration is read, and that every mistake in it gives one sentence."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path

import pytest

from publisher.settings import Settings, SettingsError, load_settings, read_secret
from publisher.settings.sections import OutletSettings

GOOD = """\
[outlet]
name = "Picture of the Day"
time_zone = "Europe/London"
hour = "09:00"

[channels.x]
platform = "x"
account = "potd"
caption = "captions/x.j2"
"""
OUTLET, CHANNEL = GOOD.split("\n\n")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("PUBLISHER_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "publisher.toml"


def load(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def mistake(file: Path, text: str) -> str:
    """Returns the error message for a configuration, without the folder."""
    with pytest.raises(SettingsError) as refused:
        load(file, text)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence.replace(f"{file.parent}/", "")


# --- what is read ----------------------------------------------------------------------------


def test_the_least_configuration_has_the_defaults(file: Path) -> None:
    settings = load(file, GOOD)

    assert settings.outlet.hour == time(9)
    assert settings.outlet.lateness.until == time(20)
    assert settings.delivery.look_up_after == (10.0, 60.0, 300.0)
    assert settings.channels["x"].name == "x"
    assert settings.channel_hour(settings.channels["x"]) == time(9)
    assert settings.channel_language(settings.channels["x"]) == "en"


def test_paths_start_beside_the_config_folder(file: Path) -> None:
    settings = load(file, GOOD)

    assert settings.root == file.parents[1]
    assert settings.path(settings.storage.media) == file.parents[1] / "media"
    assert settings.database_file == file.parents[1] / "queue.db"
    assert settings.database_url == f"sqlite:///{file.parents[1]}/queue.db"


def test_paths_of_a_file_elsewhere_start_beside_it(tmp_path: Path) -> None:
    assert load(tmp_path / "desk.toml", GOOD).root == tmp_path


def test_an_absolute_database_path_stays(file: Path) -> None:
    assert load(file, GOOD + '[storage]\ndatabase = "sqlite:////srv/queue.db"\n').database_file == Path("/srv/queue.db")


def test_a_late_post_can_be_skipped(file: Path) -> None:
    assert load(file, GOOD.replace("hour =", 'lateness = "skip"\nhour =')).outlet.lateness.until is None


def test_a_byte_order_mark_does_no_harm(file: Path) -> None:
    assert load(file, "\ufeff" + GOOD).outlet.name == "Picture of the Day"


def test_settings_cannot_be_changed(file: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(file, GOOD).outlet.name = "Another"


# --- mistakes in the file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            GOOD.replace("time_zone", "timezone"),
            "publisher.toml:3: unknown key “outlet.timezone”; did you mean “time_zone”?",
            id="misspelt key",
        ),
        pytest.param(
            GOOD + "acount = 1\n",
            "publisher.toml:10: unknown key “channels.x.acount”; did you mean “account”?",
            id="misspelt key of a channel",
        ),
        pytest.param(
            GOOD + "[delivry]\nworkers = 2\n",
            "publisher.toml:10: unknown key “delivry”; did you mean “delivery”?",
            id="misspelt table",
        ),
        pytest.param(
            GOOD + "[reserve]\ncolour = 2\n",
            "publisher.toml:11: unknown key “reserve.colour”; known are no_repeat_days",
            id="unknown key like no other",
        ),
        pytest.param(
            "file = 'x'\n" + GOOD, "publisher.toml:1: unknown key “file”; remove it", id="key of the program's own"
        ),
        pytest.param(
            GOOD.replace("Europe/London", "Europe/Lodon"),
            "publisher.toml:3: outlet.time_zone: there is no time zone “Europe/Lodon”; did you mean “Europe/London”?",
            id="misspelt zone",
        ),
        pytest.param(
            GOOD.replace("Europe/London", "Mars"),
            "publisher.toml:3: outlet.time_zone: there is no time zone “Mars”; "
            'write an IANA name such as "Europe/London"',
            id="no zone",
        ),
        pytest.param(
            GOOD.replace("09:00", "25:00"),
            'publisher.toml:4: outlet.hour: “25:00” is no time of day; write it like "09:00"',
            id="bad hour",
        ),
        pytest.param(
            GOOD.replace('"09:00"', "9"),
            'publisher.toml:4: outlet.hour: 9 is no time of day; write it like "09:00"',
            id="hour as a number",
        ),
        pytest.param(
            GOOD.replace("hour =", 'lateness = "never"\nhour ='),
            'publisher.toml:4: outlet.lateness: “never” is no lateness rule; write "until 20:00" or "skip"',
            id="bad lateness",
        ),
        pytest.param(
            GOOD.replace("hour =", 'lateness = "until noon"\nhour ='),
            'publisher.toml:4: outlet.lateness.until: “noon” is no time of day; write it like "09:00"',
            id="bad hour in lateness",
        ),
        pytest.param(
            GOOD.replace("hour =", 'lateness = "until 09:00"\nhour ='),
            "publisher.toml:4: outlet.lateness ends at 09:00, before the channel x publishes; "
            "make it later than every channel's hour",
            id="lateness over before the channel publishes",
        ),
        pytest.param(
            GOOD + 'hour = "08:30"\n',
            "publisher.toml:10: channels.x.hour is 08:30, before the outlet's hour 09:00 at which the post is picked; "
            "make outlet.hour the earliest",
            id="channel before outlet",
        ),
        pytest.param(
            GOOD + '[storage]\ndatabase = "mysql://desk:hunter2@db/queue"\n',
            'publisher.toml:11: storage.database: it must be a URL such as "sqlite:///queue.db" or '
            '"postgresql+psycopg://host/name"',
            id="other database",
        ),
        pytest.param(
            GOOD + '[storage]\ndatabase = "queue.db"\n',
            'publisher.toml:11: storage.database: it must be a URL such as "sqlite:///queue.db" or '
            '"postgresql+psycopg://host/name"',
            id="database as a path",
        ),
        pytest.param(OUTLET, "publisher.toml: “channels” is missing; add it", id="no channels"),
        pytest.param(
            OUTLET + "\n[channels]\n", "publisher.toml:5: channels: it is empty; write at least 1", id="empty channels"
        ),
        pytest.param(CHANNEL, "publisher.toml: “outlet” is missing; add it", id="no outlet"),
        pytest.param(
            "outlet = 'x'\n" + CHANNEL,
            "publisher.toml:1: outlet: it must be a table, such as [outlet]",
            id="text in place of a table",
        ),
        pytest.param(
            GOOD.replace('platform = "x"\n', ""),
            "publisher.toml:6: “channels.x.platform” is missing; add it",
            id="missing key",
        ),
        pytest.param(
            GOOD.replace('"potd"', '""'),
            "publisher.toml:8: channels.x.account: it is empty; write something",
            id="empty",
        ),
        pytest.param(
            GOOD.replace("[channels.x]", "[channels.X]"),
            "publisher.toml:6: channels.X.name: “X” can't name a channel; "
            "write at most 40 of a-z, 0-9, - and _, beginning with a letter",
            id="channel name",
        ),
        pytest.param(
            GOOD + CHANNEL.replace(".x]", ".a-b]") + CHANNEL.replace(".x]", ".a_b]"),
            "publisher.toml:14: channels.a_b would read the secrets of channels.a-b; rename one of them",
            id="shared secrets",
        ),
        pytest.param(
            GOOD + "limits = { txt = 3 }\n",
            "publisher.toml:10: channels.x.limits.txt: “txt” is not known here; "
            "write “text”, “tags”, “images”, “image_bytes” or “alt_text”",
            id="unknown limit",
        ),
        pytest.param(
            GOOD + "limits = { text = 0 }\n",
            "publisher.toml:10: channels.x.limits.text: 0 is too small; write more than 0",
            id="limit of nothing",
        ),
        pytest.param(
            GOOD + 'fit = "stretch"\n',
            "publisher.toml:10: channels.x.fit: “stretch” is not known here; write “pad”, “crop”, “split” or “as-is”",
            id="unknown choice",
        ),
        pytest.param(
            GOOD + "[delivery]\nworkers = 0\n",
            "publisher.toml:11: delivery.workers: 0 is too small; write at least 1",
            id="too small",
        ),
        pytest.param(
            GOOD + "[delivery]\nworkers = 'many'\n",
            "publisher.toml:11: delivery.workers: “many” is no whole number",
            id="no number",
        ),
        pytest.param(
            GOOD + "[delivery]\nlook_up_after = [10, -1]\n",
            "publisher.toml:11: delivery.look_up_after.1: -1 is too small; write more than 0",
            id="inside a list",
        ),
        pytest.param(
            "outlet.name = 'x'\noutlet.hour = '9'\noutlet.time_zone = 'Europe/London'\n" + CHANNEL,
            'publisher.toml:2: outlet.hour: “9” is no time of day; write it like "09:00"',
            id="dotted key",
        ),
        pytest.param(
            GOOD + "oops\n",
            "publisher.toml is no valid TOML: Expected '=' after a key in a key/value pair (at line 10, column 5); "
            "mend it there",
            id="no TOML",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(file: Path, text: str, sentence: str) -> None:
    assert mistake(file, text) == sentence


def test_a_value_that_should_not_be_there_is_not_repeated(file: Path) -> None:
    sentence = mistake(file, GOOD + 'password = "hunter2"\n')

    assert "unknown key “channels.x.password”" in sentence
    assert "hunter2" not in sentence


def test_a_missing_file_says_how_to_write_one(file: Path) -> None:
    with pytest.raises(SettingsError, match="is not there; run `publisher init` to write one"):
        load_settings(file)


def test_a_file_that_is_not_utf8_says_where(file: Path) -> None:
    file.write_bytes(b"# caf\xe9\n" + GOOD.encode())
    with pytest.raises(SettingsError, match=r"is not UTF-8 text \(byte 5\); save it as UTF-8"):
        load_settings(file)


def test_a_folder_in_place_of_the_file_is_said(file: Path) -> None:
    with pytest.raises(SettingsError, match="it is no plain file"):
        load_settings(file.parent)


# --- the environment -------------------------------------------------------------------------


def test_the_environment_wins_and_leaves_the_rest(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", "sqlite:////srv/other.db")
    monkeypatch.setenv("PUBLISHER__CHANNELS__X__ACCOUNT", "rehearsal")
    settings = load(file, GOOD + '[storage]\nmedia = "pictures"\ndatabase = "sqlite:///queue.db"\n')

    assert settings.database_file == Path("/srv/other.db")
    assert settings.storage.media == "pictures"
    assert settings.channels["x"].account == "rehearsal"
    assert settings.channels["x"].platform == "x"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PUBLISHER__DELIVERY__WORKERS", "0", "PUBLISHER__DELIVERY__WORKERS: delivery.workers: “0” is too small"),
        ("PUBLISHER__DELIVERY__WORKRS", "2", "unknown key “delivery.workrs”; did you mean “workers”?"),
        (
            "PUBLISHER__STORGE__DATABASE",
            "x",
            "PUBLISHER__STORGE__DATABASE: unknown key “storge”; did you mean “storage”",
        ),
        ("PUBLISHER__FILE", "/elsewhere", "PUBLISHER__FILE: unknown key “file”"),
        ("PUBLISHER__CHANNELS", "{", 'the environment can\'t be used: error parsing value for field "channels"'),
        (
            "PUBLISHER__STORAGE__DATABASE",
            "mysql://desk:hunter2@db/queue",
            "PUBLISHER__STORAGE__DATABASE: storage.database: it must be a URL",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    problem = mistake(file, GOOD)

    assert sentence in problem
    assert "hunter2" not in problem


# --- secrets ---------------------------------------------------------------------------------


def test_a_secret_is_read_from_its_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = load(file, GOOD.replace(".x]", ".x-ca]")).channels["x-ca"].secret_variable("access_token")
    monkeypatch.setenv("PUBLISHER_X_CA_ACCESS_TOKEN", "open sesame")

    assert variable == "PUBLISHER_X_CA_ACCESS_TOKEN"
    assert read_secret(variable) == "open sesame"


def test_a_secret_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("open sesame\n", encoding="utf-8")
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", str(tmp_path / "token"))

    assert read_secret("PUBLISHER_X_ACCESS_TOKEN") == "open sesame"


def test_the_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN", "direct")
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", "/nowhere")

    assert read_secret("PUBLISHER_X_ACCESS_TOKEN") == "direct"


@pytest.mark.parametrize("name", ["PUBLISHER_X_ACCESS_TOKEN", "PUBLISHER_X_ACCESS_TOKEN_FILE"])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")

    assert read_secret("PUBLISHER_X_ACCESS_TOKEN") is None


def test_a_missing_secret_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError) as refused:
        read_secret("PUBLISHER_X_ACCESS_TOKEN")

    assert str(refused.value) == (
        f"{tmp_path}/gone, which PUBLISHER_X_ACCESS_TOKEN_FILE names, can't be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"\n", "_TOKEN_FILE names, is empty; write the secret into it"), (b"hunter2 \xff", "is not UTF-8 text")],
)
def test_a_useless_secret_file_is_said_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sentence: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(SettingsError, match=sentence) as refused:
        read_secret("PUBLISHER_X_ACCESS_TOKEN")

    assert "hunter2" not in str(refused.value)
    assert "0xff" not in str(refused.value)


def test_secrets_are_no_part_of_the_settings(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN", "hunter2")
    settings = load(file, GOOD)

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_the_password_of_a_database_is_not_shown(file: Path) -> None:
    settings = load(file, GOOD + '[storage]\ndatabase = "postgresql+psycopg://desk:hunter2@db/queue"\n')

    assert "hunter2" in settings.database_url
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("BST", "Europe/London"),
        ("pst", "America/Los_Angeles"),
        ("London", "Europe/London"),
        ("new york", "America/New_York"),
        ("Madird", "Europe/Madrid"),
        ("Europe/Barcelona", None),
        ("XYZ", None),
    ],
)
def test_the_hint_for_a_time_zone_is_a_place_that_may_be_meant(value: str, near: str | None) -> None:
    with pytest.raises(ValueError, match="there is no time zone") as caught:
        OutletSettings(name="A", time_zone=value, hour=time(9))
    expected = f"did you mean “{near}”?" if near else 'write an IANA name such as "Europe/London"'
    assert expected in str(caught.value)
