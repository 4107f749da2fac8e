"""Tests that uploads in pieces survive lost connections, and that other files and others' uploads are refused."""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select, text, update

from publisher.core.messages import Message
from publisher.db.models import Media, Post
from publisher.db.session import Database
from publisher.db.staff import Upload
from publisher.media import FolderStore, MediaUnreachable
from publisher.posts import uploads as unfinished
from publisher.posts.pictures import store_picture
from publisher.posts.uploads import MAX_UNFINISHED, Uploads, WrongOffset
from publisher.settings.private_paths import UPLOADS
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of
from tests.outlet import draw
from tests.waiting import TIMEOUT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk"))) as opened:
        yield opened


@pytest.fixture
def editor(site: Site) -> Client:
    return site.client("editor")


def picture(folder: Path, seed: int) -> bytes:
    file = folder / f"{seed}.png"
    draw(file, seed=seed, width=120, height=80)
    return file.read_bytes()


def begin(client: Client, name: str, size: int) -> str:
    answer = client.send_form("/uploads", {"name": name, "size": size})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def send(client: Client, upload: str, offset: int, piece: bytes) -> requests.Response:
    headers = {"x-csrf-token": client.csrf, "content-type": "application/octet-stream"}
    return client.post(f"/uploads/{upload}/{offset}", data=piece, headers=headers)


def state(client: Client, upload: str) -> tuple[int, int | None]:
    answer = client.get(f"/uploads/{upload}")
    return answer.status_code, answer.json().get("received")


def folder_of(site: Site) -> Path:
    return site.desk.settings.path(UPLOADS)


def number_of_media(site: Site) -> int:
    with site.desk.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Media)) or 0


def uploads(site: Site) -> Uploads:
    return Uploads(site.desk.database, site.desk.store, folder_of(site))


def test_pieces_become_a_stored_picture(site: Site, editor: Client, tmp_path: Path) -> None:
    content = picture(tmp_path, 1)
    upload = begin(editor, r"C:\pictures\disc.png", len(content))
    first = send(editor, upload, 0, content[:5000])
    assert (first.status_code, first.json()["received"]) == (200, 5000)
    assert "sha256" not in first.json()
    assert folder_of(site).stat().st_mode & 0o777 == 0o700
    last = send(editor, upload, 5000, content[5000:]).json()
    assert (last["width"], last["height"]) == (120, 80)
    dark = "It is nearly black: check that it is the right file, and that followers can see what it shows."
    assert last["warnings"] == [dark, "Only 120 × 80 pixels: it is never enlarged, so it will look small."]
    assert site.desk.store.fetch(last["sha256"]).read_bytes() == content
    with site.desk.database.reading() as session:
        media = session.get_one(Media, last["sha256"])
    assert (media.file_name, media.format, media.bytes) == ("disc.png", "png", len(content))
    assert not (folder_of(site) / upload).exists()
    part = editor.get(f"/pictures/{last['sha256']}/form?number=7&languages=ca")
    assert 'name="images-7-media"' in part.text
    assert 'name="tr-ca-alt-7"' in part.text
    assert editor.get(f"/pictures/{'0' * 64}/form?number=7").status_code == 404


def test_a_lost_connection_costs_one_piece(editor: Client, tmp_path: Path) -> None:
    content = picture(tmp_path, 2)
    upload = begin(editor, "disc.png", len(content))
    send(editor, upload, 0, content[:4000])
    assert state(editor, upload) == (200, 4000)
    for wrong in (0, 3999, 9000):
        refused = send(editor, upload, wrong, content[wrong : wrong + 4000])
        assert (refused.status_code, refused.json()["received"]) == (409, 4000)
    assert state(editor, upload) == (200, 4000)
    stored = send(editor, upload, 4000, content[4000:]).json()
    # Its answer was lost, and it is asked for again, by a browser that knows that all is there and by one that doesn't.
    assert send(editor, upload, len(content), b"").json()["sha256"] == stored["sha256"]
    again = send(editor, upload, 4000, content[4000:])
    assert (again.status_code, again.json()["received"]) == (409, len(content))


def test_what_lies_on_this_machine_is_what_goes_on(site: Site, editor: Client, tmp_path: Path) -> None:
    content = picture(tmp_path, 3)
    upload = begin(editor, "disc.png", len(content))
    send(editor, upload, 0, content[:4000])
    file = folder_of(site) / upload
    # A process died in the middle of a piece.
    with file.open("ab") as upload_file:
        upload_file.write(b"half a piece, and not the row" * 100)
    assert send(editor, upload, 4000, content[4000:6000]).json()["received"] == 6000
    assert file.read_bytes() == content[:6000]
    # The pieces went to another machine.
    os.truncate(file, 1000)
    refused = send(editor, upload, 6000, content[6000:])
    assert (refused.status_code, refused.json()["received"]) == (409, 1000)
    assert "sha256" in send(editor, upload, 1000, content[1000:]).json()


def test_an_upload_is_its_owners_alone(site: Site, editor: Client, tmp_path: Path) -> None:
    content = picture(tmp_path, 4)
    upload = begin(editor, "disc.png", len(content))
    send(editor, upload, 0, content[:4000])
    other = site.client("editor", email="bo@example.org")
    assert other.get(f"/uploads/{upload}").status_code == 404
    assert send(other, upload, 4000, content[4000:]).status_code == 404
    assert send(other, upload, len(content), b"").status_code == 404
    assert other.send_form(f"/uploads/{upload}/forget").status_code == 404
    assert state(editor, upload) == (200, 4000)
    assert editor.send_form(f"/uploads/{upload}/forget").status_code == 200
    assert editor.get(f"/uploads/{upload}").status_code == 404
    assert not (folder_of(site) / upload).exists()
    assert site.client("operator").send_form("/uploads", {"name": "a", "size": 1}).status_code == 403


def test_what_is_no_picture_is_refused_and_nothing_of_it_stays(site: Site, editor: Client) -> None:
    before = number_of_media(site), set(site.desk.store.originals())
    hostile = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    upload = begin(editor, "../../etc/<b>fine.png", len(hostile))
    refused = send(editor, upload, 0, hostile)
    assert refused.status_code == 422
    assert refused.json()["error"].startswith("“<b>fine.png”: ")
    assert refused.json()["error"].endswith(".")
    assert editor.get(f"/uploads/{upload}").status_code == 404
    assert not (folder_of(site) / upload).exists()
    assert (number_of_media(site), set(site.desk.store.originals())) == before


def test_what_is_too_large_is_refused_before_it_comes(editor: Client, tmp_path: Path) -> None:
    refused = editor.send_form("/uploads", {"name": "huge.tif", "size": 300_000_000})
    assert (refused.status_code, refused.json()) == (
        422,
        {"error": "“huge.tif” has 300 MB, more than 200 MB; save it smaller."},
    )
    assert editor.send_form("/uploads", {"name": "no.tif", "size": 0}).json()["error"].startswith("“no.tif” is empty")
    upload = begin(editor, "small.png", 10)
    assert "larger than it was announced" in send(editor, upload, 0, b"0" * 11).json()["error"]
    assert state(editor, upload) == (200, 0)
    assert send(editor, upload, 0, b"0" * 9_000_001).status_code == 413


def test_a_picture_waits_for_a_store_that_is_away(
    site: Site, editor: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = picture(tmp_path, 5)
    upload = begin(editor, "disc.png", len(content))

    def away(self: FolderStore, content: bytes) -> str:
        raise MediaUnreachable(Message("the bucket can't be reached; try later"))

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "put", away)
        refused = send(editor, upload, 0, content)
        assert (refused.status_code, refused.json()["error"]) == (503, "The bucket can't be reached; try later.")
    assert "sha256" in send(editor, upload, len(content), b"").json()


def test_abandoned_uploads_are_swept_after_a_day(site: Site, editor: Client, tmp_path: Path) -> None:
    content = picture(tmp_path, 6)
    upload = begin(editor, "disc.png", len(content))
    send(editor, upload, 0, content[:4000])
    (folder_of(site) / "stray").write_bytes(b"of a row that is gone")
    now = site.desk.now()
    assert uploads(site).sweep(now + timedelta(hours=23)) == 1
    assert (folder_of(site) / upload).exists()
    assert uploads(site).sweep(now + timedelta(hours=25)) >= 1
    assert list(folder_of(site).iterdir()) == []
    assert editor.get(f"/uploads/{upload}").status_code == 404


def test_a_piece_that_comes_twice_at_once_is_added_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    person = site.person("editor", email="twice@example.org")
    upload = uploads(site).begin(person, "disc.png", 12, site.desk.now())
    uploads(site).add(person, upload.id, 0, b"1234")
    refusals: list[int] = []

    def add_again() -> None:
        try:
            uploads(site).add(person, upload.id, 4, b"abcd")
        except WrongOffset as refusal:
            refusals.append(refusal.received)

    waits = threading.Event()
    monkeypatch.setattr(unfinished, "LOCK_TIMEOUT_SECONDS", TIMEOUT)
    monkeypatch.setattr(unfinished, "sleep", lambda _seconds: waits.set())
    second = threading.Thread(target=add_again)
    file = folder_of(site) / upload.id
    with file.open("ab") as upload_file:
        fcntl.flock(upload_file, fcntl.LOCK_EX)
        second.start()
        assert waits.wait(TIMEOUT)
        # What the first request does while it holds the file.
        upload_file.write(b"5678")
        upload_file.flush()
        with site.desk.database.writing() as session:
            session.execute(update(Upload).where(Upload.id == upload.id).values(received=8))
    second.join(TIMEOUT)
    assert refusals == [8]
    assert file.read_bytes() == b"12345678"


def test_an_upload_that_is_examined_keeps_nobody_waiting(site: Site, editor: Client, tmp_path: Path) -> None:
    content = picture(tmp_path, 12)
    upload = begin(editor, "disc.png", len(content))
    send(editor, upload, 0, content[:4000])
    with (folder_of(site) / upload).open("ab") as upload_file:
        fcntl.flock(upload_file, fcntl.LOCK_EX)
        busy = send(editor, upload, 4000, content[4000:])
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
    assert "sha256" in send(editor, upload, 4000, content[4000:]).json()


def test_the_oldest_unfinished_upload_makes_room(site: Site) -> None:
    person = site.person("editor", email="many@example.org")
    desk = uploads(site)
    now = site.desk.now()
    first = desk.begin(person, "first.png", 100, now)
    desk.add(person, first.id, 0, b"some")
    later = [
        desk.begin(person, "next.png", 100, now + timedelta(seconds=seconds)).id for seconds in range(1, MAX_UNFINISHED)
    ]
    assert desk.find(person, first.id).received == 4
    desk.begin(person, "last.png", 100, now + timedelta(minutes=1))
    with site.desk.database.reading() as session:
        upload_ids = set(session.scalars(text("SELECT id FROM upload WHERE person_id = :p").bindparams(p=person)))
    assert first.id not in upload_ids
    assert set(later) < upload_ids
    assert not (folder_of(site) / first.id).exists()


def test_a_form_without_scripts_brings_its_files(site: Site, editor: Client, tmp_path: Path) -> None:
    first, two = picture(tmp_path, 7), picture(tmp_path, 8)
    form = {"title": "Two", "credit": "X", "language": "en", "place": "queue", "then": "save"}
    files = [("files", ("one.png", first)), ("files", ("no.png", b"no picture")), ("files", ("two.png", two))]
    refused = editor.send_form("/posts", form, files=files)
    assert refused.status_code == 422
    assert "“no.png”: " in text_of(refused)
    hashes = re.findall(r'name="images-(\d)-media" value="([0-9a-f]{64})"', refused.text)
    assert [number for number, _ in hashes] == ["0", "1"]
    # The file that was fine need not be chosen again; a third one joins those that stay.
    fields = {f"images-{number}-media": sha for number, sha in hashes}
    order = {"images-0-order": "2", "images-1-order": "1"}
    three = picture(tmp_path, 9)
    saved = editor.send_form("/posts", {**form, **fields, **order}, files=[("files", ("three.png", three))])
    assert saved.status_code == 200, text_of(saved)
    with site.desk.database.reading() as session:
        post = session.scalars(select(Post).where(Post.title == "Two")).one()
        file_names = [image.media.file_name for image in post.images]
    assert file_names == ["two.png", "one.png", "three.png"]


def test_one_picture_that_two_people_bring_at_once_is_stored_once(
    postgres_database: Database, tmp_path: Path, now: datetime
) -> None:
    store = FolderStore(tmp_path / "media")
    file = tmp_path / "disc.png"
    file.write_bytes(picture(tmp_path, 10))
    brought: list[Media] = []
    with postgres_database.writing() as session:
        sha256 = store.put(file.read_bytes())
        session.add(Media(sha256=sha256, file_name="first", format="png", width=1, height=1, bytes=1, created_at=now))
        session.flush()
        second = threading.Thread(
            target=lambda: brought.append(store_picture(postgres_database, store, file, "second", now))
        )
        second.start()
        wait_for_lock(postgres_database)
    second.join(TIMEOUT)
    assert [media.file_name for media in brought] == ["first"]


def wait_for_lock(database: Database) -> None:
    """Return as soon as somebody waits for another's row."""
    give_up = time.monotonic() + TIMEOUT
    while time.monotonic() < give_up:
        with database.reading() as session:
            if session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")):
                return
    raise AssertionError("nobody waited")
