"""Tests that the setting which says where media are stored is parsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.settings import Bucket, Settings, SettingsError, load_settings
from publisher.starter import write_starter
from tests.outlet import environment


def load(folder: Path, media: str) -> Settings:
    write_starter(folder)
    with environment({"PUBLISHER__STORAGE__MEDIA": media}):
        return load_settings(folder / "config" / "publisher.toml")


@pytest.mark.parametrize(
    ("media", "bucket"),
    [
        ("media", None),
        ("/srv/pictures of s3", None),
        ("s3://pictures", Bucket("pictures")),
        ("s3://pictures/", Bucket("pictures")),
        ("s3://pictures/desk/media/?region=eu-west-2", Bucket("pictures", "desk/media", None, "eu-west-2")),
        (
            "s3://my.pictures-1/a?endpoint=https://s3.example.org:9000/&region=home",
            Bucket("my.pictures-1", "a", "https://s3.example.org:9000", "home"),
        ),
        ("s3://pictures?endpoint=http%3A%2F%2F127.0.0.1%3A9000", Bucket("pictures", "", "http://127.0.0.1:9000")),
    ],
)
def test_a_folder_or_a_bucket(tmp_path: Path, media: str, bucket: Bucket | None) -> None:
    assert load(tmp_path, media).storage.bucket == bucket


@pytest.mark.parametrize(
    ("media", "sentence"),
    [
        ("s3:pictures", "it must be a folder, or a bucket written like"),
        ("s3:///pictures", "it must be a folder, or a bucket written like"),
        ("https://s3.example.org/pictures", "it must be a folder, or a bucket written like"),
        ("s3://pictures#new", "it must be a folder, or a bucket written like"),
        ("s3://[pictures", "it is no URL; write it like"),
        ("s3://Pictures", "“Pictures” can't name a bucket; write 3 to 63 of a-z"),
        ("s3://pictures:9000/media", "“pictures:9000” can't name a bucket"),
        ("s3://pictures/a b", "the prefix “a b” can't be used"),
        ("s3://pictures/a//b", "the prefix “a//b” can't be used"),
        ("s3://pictures?endpont=https://s3.example.org", "“endpont” is not known after the ?; write endpoint="),
        ("s3://pictures?region=", "region= must stand once after the ?, with a value"),
        ("s3://pictures?region=a&region=b", "region= must stand once after the ?"),
        ("s3://pictures?endpoint=s3.example.org", "endpoint= must be the service's address alone"),
        ("s3://pictures?endpoint=https://s3.example.org/path", "endpoint= must be the service's address alone"),
        ("s3://pictures?endpoint=https://s3.example.org:port", "endpoint= must be the service's address alone"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, media: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, media)
    assert str(caught.value).startswith(f"PUBLISHER__STORAGE__MEDIA: storage.media: {sentence}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("media", ["s3://me:hush-hush@pictures", "s3://pictures?endpoint=https://me:hush-hush@host"])
def test_credentials_do_not_belong_in_it_and_are_not_repeated(tmp_path: Path, media: str) -> None:
    with pytest.raises(SettingsError, match="no credentials") as caught:
        load(tmp_path, media)
    assert "hush-hush" not in str(caught.value)
