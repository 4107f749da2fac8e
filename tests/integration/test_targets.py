"""Tests that channels are loaded as targets, or one sentence says what to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.platforms import profiles
from publisher.posts import targets
from publisher.posts.targets import TargetFiles, check_targets, load_people, load_targets
from publisher.settings import Settings, SettingsError, load_settings
from tests.fakes import fake_profile

CONFIGURATION = """
[outlet]
name = "A picture a day"
time_zone = "Europe/London"
hour = "09:00"
language = "en"

[channels.web]
platform = "fake"
account = "web"
caption = "captions/web.j2"

[channels.web-ca]
platform = "fake"
account = "ca"
caption = "captions/web.j2"
language = "ca"
fit = "crop"
missing_translation = "skip"
limits = { text = 99 }
"""


@pytest.fixture(autouse=True)
def _fake_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "platform_names", lambda: ("fake", "other"))
    monkeypatch.setattr(targets, "load_profile", lambda platform: fake_profile())


def settings(tmp_path: Path, text: str = CONFIGURATION, template: str | None = "{{ title }}\n{{ credit }}") -> Settings:
    folder = tmp_path / "config"
    (folder / "captions").mkdir(parents=True, exist_ok=True)
    if template is not None:
        (folder / "captions" / "web.j2").write_text(template, encoding="utf-8")
    file = folder / "publisher.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_each_channel_becomes_a_target_in_order(tmp_path: Path) -> None:
    targets = load_targets(settings(tmp_path))
    assert list(targets) == ["web", "web-ca"]
    web, catalan = targets.values()
    assert (web.platform, web.language, web.fit, web.missing_translation) == ("fake", "en", None, "hold")
    assert (web.template, web.template_name) == ("{{ title }}\n{{ credit }}", "captions/web.j2")
    assert (catalan.language, catalan.fit, catalan.missing_translation) == ("ca", "crop", "skip")
    assert (web.profile.text.limit, catalan.profile.text.limit) == (500, 99)


@pytest.mark.parametrize(
    ("text", "template", "message"),
    [
        (
            CONFIGURATION.replace('"fake"', '"fakee"', 1),
            "{{ title }}",
            r"publisher\.toml: channels\.web\.platform: there is no platform “fakee”; did you mean “fake”\?",
        ),
        (CONFIGURATION, None, r"channels\.web\.caption: the template .*web\.j2 is not there"),
        (CONFIGURATION, "{{ titel }}", r"channels\.web\.caption: .*web\.j2, line 1: .*did you mean “title”"),
        (CONFIGURATION, "{% if %}", r"channels\.web\.caption: .*web\.j2, line 1"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, template: str | None, message: str) -> None:
    configured = settings(tmp_path, text, template)
    with pytest.raises(SettingsError, match=message):
        check_targets(configured)


def test_a_broken_template_is_its_channels_own_trouble(tmp_path: Path) -> None:
    configured = settings(tmp_path, CONFIGURATION.replace("web.j2", "other.j2", 1))
    web, catalan = load_targets(configured).values()
    assert "other.j2 is not there" in str(web.broken)
    assert (web.template, catalan.broken) == ("", None)


def test_files_are_read_again_when_they_change_and_only_then(tmp_path: Path) -> None:
    files = TargetFiles(settings(tmp_path))
    sound, nobody = files.targets(), files.people()
    assert files.targets() is sound
    assert files.people() is nobody
    template, directory = tmp_path / "config" / "captions" / "web.j2", tmp_path / "config" / "people.toml"
    template.write_text("{{ titel }}", encoding="utf-8")
    assert all("did you mean “title”" in str(target.broken) for target in files.targets().values())
    directory.write_text("[[people", encoding="utf-8")
    assert "people.toml can't be read" in str(files.people().unreadable)
    template.write_text("{{ title }}", encoding="utf-8")
    directory.write_text('[[people]]\nname = "Ada"\nhandles = { x = "ada" }\n', encoding="utf-8")
    assert [target.broken for target in files.targets().values()] == [None, None]
    assert files.people().handle("Ada", "x") == "@ada"
    template.unlink()
    assert all("is not there" in str(target.broken) for target in files.targets().values())


@pytest.mark.parametrize("account", ["web", "@Web ", "WEB.fake.com"])
def test_two_channels_with_the_same_text_on_one_account_are_refused(tmp_path: Path, account: str) -> None:
    alike = CONFIGURATION.replace('account = "ca"', f'account = "{account}"').replace('"ca"', '"en"')
    configured = settings(tmp_path, alike)
    web, again = load_targets(configured).values()
    assert web.broken is None
    assert "channels.web-ca would publish the same text" in str(again.broken)
    assert "channels.web;" in str(again.broken)
    with pytest.raises(SettingsError, match="give it another account, language or caption"):
        check_targets(configured)


@pytest.mark.parametrize(
    "differs",
    [
        'language = "ca"\n',
        'caption = "captions/other.j2"\n',
        'account = "third"\n',
        'base_url = "http://127.0.0.1:9"\n',
    ],
)
def test_channels_that_differ_in_language_caption_or_account_are_not(tmp_path: Path, differs: str) -> None:
    keys = {"platform": "fake", "account": "web", "caption": "captions/web.j2"}
    table = "".join(f'{key} = "{value}"\n' for key, value in keys.items() if not differs.startswith(key))
    configured = settings(tmp_path, f"{CONFIGURATION}\n[channels.second]\n{table}{differs}")
    (tmp_path / "config" / "captions" / "other.j2").write_text("{{ title }} {{ credit }}", encoding="utf-8")
    assert {target.broken for target in load_targets(configured).values()} == {None}


def test_a_thread_is_refused_where_replies_can_not_be_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = settings(tmp_path, CONFIGURATION.replace('captions/web.j2"', 'captions/web.j2"\nthread = true', 1))
    with pytest.raises(SettingsError, match=r"channels\.web\.thread: replies can't be published on .* yet; remove it"):
        load_targets(configured)
    able = fake_profile().model_copy(update={"threads": True})
    monkeypatch.setattr(targets, "load_profile", lambda platform: able)
    assert [target.thread for target in load_targets(configured).values()] == [True, False]


def test_the_directory_of_people_may_be_missing_and_may_not_be_wrong(tmp_path: Path) -> None:
    configured = settings(tmp_path)
    assert load_people(configured).people == ()
    directory = tmp_path / "config" / "people.toml"
    directory.write_text('[[people]]\nname = "Ada"\nhandles = { x = "ada" }\n', encoding="utf-8")
    assert load_people(configured).handle("Ada", "x") == "@ada"
    directory.write_text("[[people]]\nnom = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"people\.toml"):
        load_people(configured)


def test_replies_can_be_published_on_x_alone() -> None:
    assert [name for name in profiles.platform_names() if profiles.load_profile(name).threads] == ["x"]
