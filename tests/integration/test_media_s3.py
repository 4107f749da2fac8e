"""Tests that media in a bucket have local copies, and that each failure of the storage is one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from publisher.adapt.images.rendering import Renderer
from publisher.core.content import RenditionSpec
from publisher.core.disk_files import file_sha256
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.media import MediaMissing, MediaUnreachable
from publisher.media.cache import IN_USE_TIME, LocalCache
from publisher.media.opening import open_media_store
from publisher.media.s3 import S3Store
from publisher.posts import pictures
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.errors import PostError
from publisher.posts.posts import add_post
from publisher.settings import Bucket, SettingsError, load_settings
from publisher.starter import starter_files, write_starter
from tests.image_judge import BLOG, real
from tests.outlet import environment
from tests.queue_desk import facts_of_content
from tests.s3_server import ACCESS_KEY, KEYS, SECRET_KEY, S3Server, Wire
from tests.waiting import TIMEOUT

ABSENT = "0" * 64
CONFIGURATION = Path("config/publisher.toml")
EPOCH = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
CALLS: dict[str, Callable[[S3Store], object]] = {
    "put": lambda store: store.put(b"cells"),
    "has": lambda store: store.has(ABSENT),
    "fetch": lambda store: store.fetch(ABSENT),
    "originals": lambda store: list(store.originals()),
    "examine": lambda store: store.examine(),
}


def opened(bucket: Bucket, cache: Path, **changed: str | None) -> S3Store:
    keys: dict[str, str | None] = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    return S3Store(bucket, LocalCache(cache), **(keys | changed))


def at(endpoint: str) -> Bucket:
    return Bucket("media", "", endpoint)


@pytest.fixture
def bucket(s3: S3Server) -> Bucket:
    return s3.bucket()


@pytest.fixture
def store(bucket: Bucket, tmp_path: Path) -> S3Store:
    return opened(bucket, tmp_path / "cache")


# --- local copies ----------------------------------------------------------------------------


def test_what_was_fetched_once_needs_no_storage(bucket: Bucket, tmp_path: Path) -> None:
    sha256 = opened(bucket, tmp_path / "other").put(b"cells")
    with Wire(str(bucket.endpoint)) as wire:
        store = opened(Bucket(bucket.name, bucket.prefix, wire.endpoint), tmp_path / "cache")
        assert store.fetch(sha256).read_bytes() == b"cells"
        wire.cut()
        assert store.fetch(sha256).read_bytes() == b"cells"


def test_a_copy_that_was_tampered_with_is_fetched_anew(store: S3Store) -> None:
    sha256 = store.put(b"cells")
    copy = store.fetch(sha256)
    copy.write_bytes(b"cellz")
    assert store.fetch(sha256).read_bytes() == b"cells"
    assert copy.read_bytes() == b"cells"


def test_an_original_cut_short_on_its_way_is_never_a_copy(bucket: Bucket, store: S3Store, s3: S3Server) -> None:
    content = os.urandom(3_000_000)
    sha256 = store.put(content)
    s3.client.put_object(Bucket=bucket.name, Key=s3.keys(bucket)[0], Body=content[:-1])
    cache = store.fetch(sha256).parents[3] / "second"
    with pytest.raises(Exception, match="damaged"):
        opened(bucket, cache).fetch(sha256)
    assert [path for path in cache.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_the_copies_stay_below_their_bound_and_the_longest_unused_go_first(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path, max_bytes=25)
    for number, name in enumerate(("oldest", "asked/again", "newer")):
        age(cache.add(name, b"x" * 10), IN_USE_TIME.total_seconds() + 60 - number)
        if name == "asked/again":
            assert cache.get("asked/again") is not None
    cache.add("newest", b"x" * 10)
    assert [cache.get(name) is not None for name in ("oldest", "asked/again", "newer", "newest")] == [
        False, True, False, True,
    ]  # fmt: skip


def test_a_copy_in_use_stays_whatever_the_bound(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path, max_bytes=25)
    copies = [cache.add(str(number), b"x" * 10) for number in range(5)]
    age(copies[0], IN_USE_TIME.total_seconds() - 60)
    cache.add("more", b"x" * 10)
    assert all(copy.is_file() for copy in copies)


def test_a_copy_never_goes_between_being_asked_for_and_being_read(tmp_path: Path) -> None:
    copies: list[Path | None] = []
    asking = threading.Thread(target=lambda: copies.append(LocalCache(tmp_path).get("old")))

    class AskedMeanwhile(LocalCache):
        def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
            files = list(super()._files())
            asking.start()
            # Whoever asks has to wait; if they don't, they have their answer by then.
            asking.join(0.3)
            return iter(files)

    age(LocalCache(tmp_path).add("old", b"x" * 10), IN_USE_TIME.total_seconds() + 60)
    AskedMeanwhile(tmp_path, max_bytes=10).add("new", b"x" * 10)
    asking.join()
    assert copies == [None]


def test_processes_share_the_copies(tmp_path: Path) -> None:
    crowd = (
        "import sys; from pathlib import Path; from publisher.media.cache import LocalCache\n"
        "for n in range(60): LocalCache(Path(sys.argv[1]), max_bytes=10).add(f'{n}', b'x' * 100_000)\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", crowd, str(tmp_path)]) for _ in range(2)]
    assert [other.wait(TIMEOUT) for other in others] == [0, 0]
    assert {path.stat().st_size for number in range(60) if (path := LocalCache(tmp_path).get(f"{number}"))} == {100_000}
    assert len(list(tmp_path.iterdir())) == 61


def age(file: Path, seconds: float) -> None:
    used_at = time.time() - seconds
    os.utime(file, (used_at, used_at))


# --- storage that can't be used --------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
def test_storage_that_is_not_reached_is_reported_as_that(tmp_path: Path, call: str) -> None:
    with Wire("http://127.0.0.1:1") as wire:
        wire.cut()
        with pytest.raises(MediaUnreachable, match=r"the bucket “media” .* was not reached \([a-z ]+\); mend the net"):
            CALLS[call](opened(at(wire.endpoint), tmp_path))


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_bucket_is_reported_as_that(s3: S3Server, tmp_path: Path, call: str) -> None:
    with pytest.raises(MediaUnreachable, match=r"is not there; make it, or mend storage\.media"):
        CALLS[call](opened(at(s3.endpoint), tmp_path))


@pytest.mark.parametrize("call", CALLS)
def test_refused_keys_are_reported_and_never_shown(bucket: Bucket, s3: S3Server, tmp_path: Path, call: str) -> None:
    store = opened(bucket, tmp_path, access_key="AKIAWRONGACCESS", secret_key="wrong-secret-value")
    with s3.asking_who(), pytest.raises(MediaUnreachable, match=r"refuses access \(\w+\); mend PUBLISHER_S3") as caught:
        CALLS[call](store)
    texts = f"{caught.value} {caught.value.__cause__} {vars(store)}"
    assert "AKIAWRONGACCESS" not in texts
    assert "wrong-secret-value" not in texts


def test_an_examination_finds_what_the_keys_may_not_do(bucket: Bucket, s3: S3Server, tmp_path: Path) -> None:
    access_key, secret_key = s3.user("s3:GetObject", "s3:PutObject", "s3:ListBucket").values()
    store = opened(bucket, tmp_path, access_key=access_key, secret_key=secret_key)
    with (
        s3.asking_who(),
        pytest.raises(MediaUnreachable, match=r"\(AccessDenied\).* read, write and delete in it"),
    ):
        store.examine()


def test_no_credentials_anywhere_are_reported(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(MediaUnreachable, match=r"there are no credentials for the bucket .*; set PUBLISHER_S3"):
        opened(bucket, tmp_path, access_key=None, secret_key=None).put(b"cells")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-chain")
    assert opened(bucket, tmp_path, access_key=None, secret_key=None).put(b"cells")


def test_a_finished_picture_is_used_while_the_storage_is_away(bucket: Bucket, tmp_path: Path) -> None:
    with Wire(str(bucket.endpoint)) as wire:
        reached = Bucket(bucket.name, bucket.prefix, wire.endpoint)
        store = opened(reached, tmp_path / "cache")
        spec = RenditionSpec(source=store.put(real("retina.jpg").read_bytes()), **(BLOG | {"description": "away"}))
        wire.cut()
        rendition = Renderer(store).render(spec)
        assert file_sha256(rendition.path) == rendition.sha256
        with pytest.raises(MediaUnreachable):
            Renderer(opened(reached, tmp_path / "empty")).render(spec)
        wire.mend()
        assert Renderer(opened(reached, tmp_path / "empty")).render(spec).sha256 == rendition.sha256


def test_a_picture_that_can_not_be_stored_makes_no_post(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "inspect_image", facts_of_content)
    file = tmp_path / "cells.png"
    file.write_bytes(b"cells")
    draft = PostDraft(title="Cells", images=(ImageDraft(file=file),))
    with Wire("http://127.0.0.1:1") as wire:
        wire.cut()
        with pytest.raises(PostError, match=r"cells\.png can't be stored: the bucket “media” at .* was not reached"):
            add_post(database, opened(at(wire.endpoint), tmp_path / "cache"), draft, now=EPOCH)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 0


# --- the setting -----------------------------------------------------------------------------


def test_one_setting_moves_the_media_and_the_environment_has_its_keys(
    bucket: Bucket, s3: S3Server, tmp_path: Path
) -> None:
    write_starter(tmp_path)
    place = f"s3://{bucket.name}/{bucket.prefix}?endpoint={bucket.endpoint}&region=eu-north-1"
    user = s3.user("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket")
    with environment({"PUBLISHER__STORAGE__MEDIA": place, **user}):
        store = open_media_store(load_settings(tmp_path / CONFIGURATION))
    with s3.asking_who():
        sha256 = store.put(b"cells")
        assert store.fetch(sha256).is_relative_to(tmp_path / "media-cache")
        assert list(store.originals()) == [sha256]
        assert str(store.examine()) == f"{bucket} can be written to"
        with pytest.raises(MediaMissing):
            store.fetch(ABSENT)


def test_one_key_without_the_other_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    write_starter(tmp_path)
    half = {"PUBLISHER__STORAGE__MEDIA": f"s3://{bucket.name}", "PUBLISHER_S3_ACCESS_KEY": ""}
    with environment(half), pytest.raises(SettingsError, match="only one of PUBLISHER_S3_ACCESS_KEY and"):
        open_media_store(load_settings(tmp_path / CONFIGURATION))


def test_the_keys_stand_in_the_example_of_secrets() -> None:
    text = starter_files()[Path("config/.env.example")]
    assert all(f"\n{name}=\n" in text for name in KEYS)


def test_who_keeps_media_in_a_folder_never_loads_boto3(tmp_path: Path) -> None:
    write_starter(tmp_path)
    code = (
        "import sys; from pathlib import Path; from publisher.desk import Desk; import publisher.cli.main\n"
        "assert Desk(Path(sys.argv[1])).store.examine()\n"
        "assert not {'boto3', 'botocore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / CONFIGURATION)], check=True)
