"""Tests that media stores keep their promises with a folder and with a bucket on a real server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.adapt.images.rendering import ImageRefused, Renderer
from publisher.core.content import Rendition, RenditionSpec
from publisher.media import FolderStore, MediaDamaged, MediaMissing, MediaStore
from publisher.media.cache import LocalCache
from publisher.media.s3 import S3Store
from tests.image_judge import BLOG, real
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

CELLS = b"cells"
CELLS_SHA = hashlib.sha256(CELLS).hexdigest()


@dataclass
class Storage:
    """Opens one kind of store as another machine would, and changes its files directly."""

    open: Callable[[], MediaStore]
    write: Callable[[str, bytes], None]
    files: Callable[[], list[str]]


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return _folder(tmp_path) if request.param == "folder" else _bucket(request.getfixturevalue("s3"), tmp_path)


def _folder(tmp_path: Path) -> Storage:
    root = tmp_path / "media"

    def write(name: str, content: bytes) -> None:
        (root / name).write_bytes(content)

    def files() -> list[str]:
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    return Storage(lambda: FolderStore(root), write, files)


def _bucket(s3: S3Server, tmp_path: Path) -> Storage:
    bucket = s3.bucket()
    opened: list[MediaStore] = []

    def open_store() -> MediaStore:
        cache = LocalCache(tmp_path / f"cache-{len(opened)}")
        opened.append(S3Store(bucket, cache, access_key=ACCESS_KEY, secret_key=SECRET_KEY))
        return opened[-1]

    def write(name: str, content: bytes) -> None:
        s3.client.put_object(Bucket=bucket.name, Key=f"{bucket.prefix}/{name}", Body=content)

    def files() -> list[str]:
        return [key.removeprefix(f"{bucket.prefix}/") for key in s3.keys(bucket)]

    return Storage(open_store, write, files)


def original(sha256: str) -> str:
    return f"originals/{sha256[:2]}/{sha256}"


def test_an_original_is_had_by_its_hash_on_every_machine(storage: Storage) -> None:
    store = storage.open()
    assert not store.has(CELLS_SHA)
    assert store.put(CELLS) == CELLS_SHA
    other = storage.open()
    assert other.has(CELLS_SHA)
    assert store.fetch(CELLS_SHA).read_bytes() == other.fetch(CELLS_SHA).read_bytes() == CELLS
    assert storage.files() == [original(CELLS_SHA)]


def test_storing_it_again_changes_nothing(storage: Storage) -> None:
    storage.open().put(CELLS)
    storage.open().put(CELLS)
    assert storage.files() == [original(CELLS_SHA)]


def test_originals_are_listed_in_order_and_nothing_else_is(storage: Storage) -> None:
    store = storage.open()
    assert list(store.originals()) == []
    stored = [store.put(text.encode()) for text in ("one", "two", "three")]
    store.save("ab" * 32, ".jpeg", b"made")
    storage.write(f"originals/{stored[0][:2]}/notes.txt", b"somebody's")
    assert list(storage.open().originals()) == sorted(stored)


def test_a_missing_original_is_reported(storage: Storage) -> None:
    with pytest.raises(MediaMissing, match=r"is not in the media store: add the picture again\."):
        storage.open().fetch(CELLS_SHA)


def test_a_damaged_original_is_noticed_and_mended_by_adding_it_again(storage: Storage) -> None:
    storage.open().put(CELLS)
    storage.write(original(CELLS_SHA), b"cellz")
    reader = storage.open()
    with pytest.raises(MediaDamaged, match=r"is damaged in the media store: add the picture again\."):
        reader.fetch(CELLS_SHA)
    with pytest.raises(ImageRefused, match="damaged"):
        Renderer(reader).render(RenditionSpec(source=CELLS_SHA, **BLOG))
    storage.open().put(CELLS)
    assert reader.fetch(CELLS_SHA).read_bytes() == CELLS


def test_a_rendition_is_reused_by_another_machine(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    first, spec = rendered(storage.open(), "shared")
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", "/nowhere/python")
        again = Renderer(storage.open()).render(spec)
    assert again.path.read_bytes() == first.path.read_bytes()
    assert again.model_dump(exclude={"path"}) == first.model_dump(exclude={"path"})


def test_a_rendition_that_was_tampered_with_is_made_again(storage: Storage) -> None:
    first, spec = rendered(storage.open(), "tampered")
    content = first.path.read_bytes()
    name = f"renditions/{spec.digest[:2]}/{spec.digest}"
    storage.write(f"{name}.jpeg", content[:-1] + b"?")
    assert Renderer(storage.open()).render(spec).path.read_bytes() == content
    storage.write(f"{name}.json", b"{")
    assert Renderer(storage.open()).render(spec).sha256 == first.sha256
    assert Renderer(storage.open()).stored(spec.digest) is not None


def test_rendering_leaves_nothing_else_behind(storage: Storage) -> None:
    store = storage.open()
    _, spec = rendered(store, "alone")
    name = f"renditions/{spec.digest[:2]}/{spec.digest}"
    assert storage.files() == [original(spec.source), f"{name}.jpeg", f"{name}.json"]
    assert [path for path in store.work_folder().iterdir() if path.name.startswith(".work")] == []


def test_sweeping_spares_what_is_kept_and_what_is_new_and_every_original(storage: Storage) -> None:
    store = storage.open()
    store.put(CELLS)
    needed, removed = "a" * 64, "b" * 64
    for digest in (needed, removed):
        store.save(digest, ".jpeg", b"made")
        store.save(digest, ".json", b"{}")
    now = datetime.now(UTC)
    assert store.sweep({needed}, now - timedelta(days=1)) == 0
    assert store.sweep({needed}, now + timedelta(days=1)) == 2
    assert storage.files() == [original(CELLS_SHA), f"renditions/aa/{needed}.jpeg", f"renditions/aa/{needed}.json"]
    assert storage.open().load(removed, ".jpeg") is None


def test_an_examination_names_the_place_and_leaves_nothing(storage: Storage) -> None:
    assert str(storage.open().examine()).endswith("can be written to")
    assert storage.files() == []


def test_many_at_once_store_and_fetch_the_same(storage: Storage, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    sha256 = hashlib.sha256(content).hexdigest()
    stores = [storage.open() for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda store: store.put(content), stores * 4)) == {sha256}
        contents = set(pool.map(lambda store: store.fetch(sha256).read_bytes(), [*stores, storage.open()] * 4))
    assert contents == {content}
    assert storage.files() == [original(sha256)]


def rendered(store: MediaStore, text: str) -> tuple[Rendition, RenditionSpec]:
    spec = RenditionSpec(source=store.put(real("retina.jpg").read_bytes()), **(BLOG | {"description": text}))
    return Renderer(store).render(spec), spec
