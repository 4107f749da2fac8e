"""Builds a desk in the middle of its day, with something of everything that a page can show.

Its pictures and texts are the demo's own. What is out went out through the true worker, to a platform in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from unittest.mock import patch

import pyvips
from sqlalchemy import select

from publisher.adapt.images.inspection import ImageFacts
from publisher.alerts.store import reconcile
from publisher.archive.post_collections import CollectionFields, Collections
from publisher.collaboration.preview_links import make_link
from publisher.core.clock import FixedClock
from publisher.core.network_errors import DESCRIPTIONS
from publisher.core.problems import recorded_problem
from publisher.db.imports import Import, ItemKey
from publisher.db.models import Event
from publisher.db.operations import Quota
from publisher.db.webhooks import Webhook, WebhookMessage
from publisher.delivery.context import DeliveryContext
from publisher.delivery.worker import Worker
from publisher.desk import Desk
from publisher.health.heartbeat import record_heartbeat
from publisher.intake.post_files import ReadFile, read_folder
from publisher.platforms.errors import ContentRejected, CredentialsRefused, PlatformError, Unconfirmed
from publisher.posts import pictures
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft, Translation
from publisher.posts.posts import add_post, withdraw_post
from publisher.posts.published_elsewhere import PublishedPost, add_published
from publisher.samples import figures, microscopy
from publisher.samples.draw import draw_samples
from publisher.schedule.order import FixedDate
from publisher.schedule.picking import pick_slot
from publisher.schedule.post_queue import PostQueue
from publisher.staff import accounts
from publisher.staff.api_tokens import new_api_token
from publisher.staff.calendar_keys import new_calendar_key
from publisher.starter import write_starter
from publisher.webhooks.problem_codes import SendProblem
from tests.desk_site import PASSWORD
from tests.fakes import FakeChannels, FakePlatform, FakeRenderer, fake_profile
from tests.outlet import draw

NOW = datetime(2026, 5, 12, 11, 30, 40, tzinfo=UTC)
"""A Tuesday; in London it is an hour later."""
CHIEF = "mar@example.org"
"""Somebody who may do everything."""
WRITER = "tomas@example.org"
PEOPLE = (
    (CHIEF, "Mar Vila", ("admin", "editor", "operator")),
    (WRITER, "Tomas Reed", ("contributor",)),
    ("ines@example.org", "Ines Marlow", ("editor",)),
    ("sol@example.org", "Sol Park", ("operator",)),
)
MACHINE = "reef:311:1:1"

CONFIG = """\
[outlet]
name = "Cells Daily"
time_zone = "Europe/London"
hour = "09:00"

[archive]
alt_texts_until = 2027-04-24

[channels.tumblr]
platform = "tumblr"
account = "cells-daily"
caption = "captions/tumblr.j2"

[channels.catalan]
platform = "tumblr"
account = "cada-dia-una-cellula"
caption = "captions/tumblr.j2"
language = "ca"
hour = "12:30"

[channels.instagram]
platform = "instagram"
account = "cells.daily"
caption = "captions/instagram.j2"

[channels.x]
platform = "x"
account = "cellsdaily"
caption = "captions/x.j2"
"""

CATALAN = {
    "cells.png": ("Rails i cordes", "Cèl·lules amb el nucli blau i fils verds i vermells sobre negre."),
    "astrocytes.png": ("Estrelles que s’inflen", "Dos plafons amb cèl·lules daurades en forma d’estrella."),
    "root.jpg": ("Com una arrel manté les files", "La punta d’una arrel, amb cèl·lules en files dretes."),
    "neuron.png": ("Les parts d’una neurona", "Dibuix a tinta d’una neurona amb els noms de les parts."),
    "bone.tif": ("Gairebé tot forats", "Una llesca rodona d’os esponjós en tons de gris."),
    "capsid.png": ("Una closca que es fa sola", "Dibuix d’un virus: una esfera verda amb espines vermelles."),
    "colon.jpg": ("Anells de lila i rosa", "Teixit tenyit, amb glàndules rodones i nuclis liles."),
}
"""Of each sample's first picture: title and alt text."""
LATER = (
    (
        "cells.png",
        "Crawling on glass",
        "On glass a cell puts out a thin sheet, takes hold, and pulls the rest of itself along.",
    ),
    ("bone.tif", "The mesh remembers", "Where a bone was loaded in youth, its mesh is dense for decades."),
    (
        "neuron.png",
        "Listening with a thousand twigs",
        "The twigs of one nerve cell may take messages from ten thousand others.",
    ),
    (
        "capsid.png",
        "Thirty keys for one lock",
        "Each spike is a key, and one of thirty is enough to open the door of a cell.",
    ),
    ("colon.jpg", "Two dyes, one answer", "One dye is taken from a tree, the other was made in a factory."),
    ("root.jpg", "Always downwards", "Heavy grains in the tip of the root tell it where down is."),
    ("neuron.png", "Myelin, segment by segment", ""),
    (
        "capsid.png",
        "One protein, many copies",
        "A gene for a single protein is short, and a virus has room for little more.",
    ),
    ("astrocytes.png", "Gold on both sides", "Both halves of the brain answer, though only one of them was hurt."),
    (
        "root.jpg",
        "Twelve cells wide",
        "The same root, twelve cells from edge to edge, was drawn by students in their first week.",
    ),
    ("bone.tif", "A month without weight", "After a month in orbit the mesh of a heel bone is measurably thinner."),
    ("capsid.png", "A virus that never was", "No laboratory has ever seen this virus, because a program drew it."),
)
"""Posts after the samples: the sample whose text each has, its title and its own last sentence.

One has no such sentence: it repeats a text.
"""
DRAWERS: dict[str, Callable[[int], pyvips.Image]] = {
    "cells.png": microscopy.cells,
    "astrocytes.png": microscopy.astrocytes,
    "root.jpg": microscopy.root,
    "bone.tif": lambda seed: (microscopy.bone(seed) / 16).cast("uchar"),
    "neuron.png": figures.neuron,
    "capsid.png": figures.capsid,
    "colon.jpg": figures.colon,
}

ChannelErrors = Mapping[str, PlatformError]
DAYS: tuple[ChannelErrors | None, ...] = (
    {},
    None,
    {},
    {"tumblr": Unconfirmed(recorded_problem("The answer did not come within 30 s"))},
    {},
    {
        "x": ContentRejected(
            recorded_problem("X refused the post: a picture of it was removed before"), status=403, request_id="4c1a"
        )
    },
    {
        "instagram": CredentialsRefused(recorded_problem("Instagram asks to confirm who you are"), status=400),
        "catalan": Unconfirmed(recorded_problem("The connection broke after the request was sent")),
    },
)
"""The errors of each channel, day by day up to today. None: nobody ran the desk."""

ARCHIVED = (
    ("astrocytes.png", "Stars of an older outlet", date(2014, 3, 9), ""),
    ("root.jpg", "Roots of an older outlet", date(2016, 5, 12), "IMG_2034.jpg"),
    ("colon.jpg", "Rings of an older outlet", date(2016, 11, 2), "Round glands with violet nuclei in pink tissue."),
)
"""Posts that were published elsewhere: the sample whose text each has, its title, its day and its alt text."""

QUICK_WIDTH, QUICK_HEIGHT = 320, 240


def _draw_quickly(folder: Path) -> None:
    """Draws grey discs in place of the pictures."""
    for number, name in enumerate((*CATALAN, "colon-gland.jpg", *_later_names(), *_archived_names())):
        draw(folder / name, seed=number, width=QUICK_WIDTH, height=QUICK_HEIGHT)


def _facts(path: Path) -> ImageFacts:
    """Returns the facts of a disc, without inspecting it."""
    phash = hashlib.sha256(path.read_bytes()).hexdigest()
    return ImageFacts(
        format="png", width=QUICK_WIDTH, height=QUICK_HEIGHT, bits=8, frames=1, phash=phash, gutters=(), warnings=()
    )


def _draw_finely(folder: Path) -> None:
    """Draws the samples of the demo, and others like them."""
    draw_samples(folder)
    for number, (name, (sample, *_)) in enumerate(zip(_later_names(), LATER, strict=True)):
        DRAWERS[sample](300 + number).thumbnail_image(1400).write_to_file(str(folder / name))
    for number, (name, (sample, *_)) in enumerate(zip(_archived_names(), ARCHIVED, strict=True)):
        DRAWERS[sample](400 + number).thumbnail_image(1400).write_to_file(str(folder / name))


def build_full_site(folder: Path, *, fine: bool = False) -> Desk:
    """Builds the desk in `folder`; its clock stands still. `fine`: with true pictures, which takes a minute."""
    with nullcontext() if fine else patch.object(pictures, "inspect_image", _facts):
        return _build(folder, fine)


def _build(folder: Path, fine: bool) -> Desk:
    write_starter(folder)
    (folder / "config" / "publisher.toml").write_text(CONFIG, encoding="utf-8")
    clock = FixedClock(NOW - timedelta(days=len(DAYS)))
    desk = Desk(folder / "config" / "publisher.toml", clock)
    _add_people(desk)
    newsroom = _Newsroom(desk, clock, _drafts(folder / "posts", fine))
    for number, errors in enumerate(DAYS, start=1):
        if errors is not None:
            newsroom.publish((NOW - timedelta(days=len(DAYS) - number)), errors)
    clock.instant = NOW
    newsroom.fill_queue()
    _add_archive(desk, folder / "posts")
    _add_programs(desk)
    make_link(desk.database, newsroom.reviewed, "Dr Roca", now=NOW, actor=CHIEF)
    record_heartbeat(desk.database, MACHINE, "scheduler worker web", NOW)
    with desk.database.writing() as session:
        times = {"resets_at": NOW + timedelta(hours=9), "seen_at": NOW}
        session.add(Quota(channel_name="x", name="posts", kind="day", maximum=17, remaining=3, **times))
    reconcile(desk.database, desk.settings, NOW)
    return desk


def _add_people(desk: Desk) -> None:
    now, database = desk.now(), desk.database
    for email, name, roles in (*PEOPLE, ("ivo@example.org", "Ivo Brandt", ("editor",))):
        latest = accounts.add_person(
            database, accounts.NewPerson(email, name, roles), password=PASSWORD, now=now, actor="cli:mar"
        )
    accounts.set_active(database, latest, False, now=now, actor=CHIEF)
    accounts.invite_person(
        database, accounts.NewPerson("nora@example.org", "Nora Lind", ["contributor"]), now=now, actor=CHIEF
    )


def _add_programs(desk: Desk) -> None:
    """Adds a token, a calendar, and a webhook with one message sent, one waiting and one given up."""
    new_api_token(desk.database, 1, "the web site", ["read"], days=90, now=NOW)
    new_calendar_key(desk.database, 1, "my phone", now=NOW)
    with desk.database.writing() as session:
        hook = Webhook(url="https://hooks.example.org/cells", secret="sealed", created_at=NOW)
        session.add(hook)
        session.flush()
        newest = session.scalars(select(Event.id).order_by(Event.id.desc()).limit(3))
        outcomes: tuple[dict[str, object], ...] = (
            {"sent_at": NOW, "status": 204, "tries": 1},
            {"status": 503, "tries": 4, "trouble": SendProblem.NOT_ACCEPTED(status=503)},
            {"given_up_at": NOW, "tries": 13, "trouble": SendProblem.NO_ANSWER(why=DESCRIPTIONS["ConnectTimeout"])},
        )
        for event, outcome in zip(newest, outcomes, strict=True):
            session.add(WebhookMessage(webhook_id=hook.id, event_id=event, body=b"{}", next_try_at=NOW, **outcome))


def _later_names() -> list[str]:
    return [f"later-{number}.png" for number in range(len(LATER))]


def _archived_names() -> list[str]:
    return [f"archived-{number}.png" for number in range(len(ARCHIVED))]


def _add_archive(desk: Desk, folder: Path) -> None:
    """Adds posts that were published before they came into the desk; two lack an alt text."""
    texts = {name: _sample(file) for name, file in zip(CATALAN, read_folder(folder), strict=True)}
    for picture, (sample, title, day, alt_text) in zip(_archived_names(), ARCHIVED, strict=True):
        image = ImageDraft(file=folder / picture, alt_text=alt_text)
        draft = texts[sample].model_copy(update={"title": title, "body": texts[sample].body[:300], "images": (image,)})
        published = PublishedPost(draft, pictures.store_pictures(desk.store, draft.images), day)
        with desk.database.writing() as session:
            post = add_published(session, published, now=NOW, actor="import 1")
            run = Import(source="old-site", source_key=str(day), actor=CHIEF, started_at=NOW, finished_at=NOW)
            run.state, run.counts = "finished", {"made": 1, "wrong": 2}
            session.add(run)
            session.flush()
            key = {"key": f"{post.id}", "digest": "", "post_version": post.version}
            session.add(ItemKey(import_id=run.id, post_id=post.id, made_post=True, **key))
    collections = Collections(desk, CHIEF, may_publish=True)
    collections.add_posts(collections.add(CollectionFields("Cells that glow", "For the open day.", True)), [1, 3])


def _drafts(folder: Path, fine: bool) -> Iterator[PostDraft]:
    """Yields the samples, then the later posts; all with a Catalan translation."""
    folder.mkdir()
    (_draw_finely if fine else _draw_quickly)(folder)
    for text in (resources.files("publisher.samples") / "posts").iterdir():
        (folder / text.name).write_text(text.read_text(encoding="utf-8"), encoding="utf-8")
    samples = {name: _sample(file) for name, file in zip(CATALAN, read_folder(folder), strict=True)}
    for name, draft in samples.items():
        yield _translated(draft, *CATALAN[name])
    for picture, (name, title, ending) in zip(_later_names(), LATER, strict=True):
        image = samples[name].images[0].model_copy(update={"file": folder / picture})
        catalan, alt_text = CATALAN[name]
        body = f"{samples[name].body.replace(' (second picture)', '')}\n\n{ending}".strip()
        draft = samples[name].model_copy(update={"title": title, "body": body, "link": "", "images": (image,)})
        yield _translated(draft, f"{catalan}, de prop", alt_text)


def _sample(file: ReadFile) -> PostDraft:
    assert file.draft is not None, file.problem
    return file.draft


def _translated(draft: PostDraft, title: str, alt_text: str) -> PostDraft:
    alt_texts = (alt_text, *("Un detall de la mateixa imatge." for _ in draft.images[1:]))
    return draft.model_copy(update={"translations": {"ca": Translation(title=title, alt_texts=alt_texts)}})


class _Newsroom:
    """Writes, approves and publishes, whatever the clock shows."""

    def __init__(self, desk: Desk, clock: FixedClock, drafts: Iterator[PostDraft]) -> None:
        self._desk = desk
        self._clock = clock
        self._drafts = drafts
        self._platform = FakePlatform()
        self._platform.shown_alt_text = None
        self._platform.while_publishing = lambda: clock.advance(seconds=2)
        self._worker = Worker(
            DeliveryContext(
                desk.database,
                FakeChannels(self._platform, fake_profile()),
                FakeRenderer(),
                clock,
                desk.settings.delivery,
            ),
            owner=MACHINE,
        )

    def publish(self, day: datetime, errors: ChannelErrors) -> None:
        """Publishes one day, until half a minute after the last channel's hour."""
        desk, clock = self._desk, self._clock
        clock.instant = datetime.combine(day, time(7, 40), UTC)
        self._approve(self._add())
        clock.instant = datetime.combine(day, time(8, 0, 1), UTC)
        pick_slot(desk.database, desk.settings, desk.targets, desk.people, clock.now())
        for instant in (time(8, 0, 2), time(8, 1), time(11, 30, 2), time(11, 31)):
            if (moment := datetime.combine(day, instant, UTC)) > NOW:
                break
            clock.instant = moment
            for channel in desk.settings.channels:
                self._drain(channel, errors)

    def _drain(self, channel: str, errors: ChannelErrors) -> None:
        """Publishes on one channel; a failure is found at the next look-up."""
        self._platform.after = [errors[channel]] if isinstance(errors.get(channel), Unconfirmed) else []
        self._platform.before = [errors[channel]] if channel in errors and not self._platform.after else []
        self._worker.drain(channel)

    def _add(self, **changes: object) -> int:
        desk = self._desk
        draft = next(self._drafts).model_copy(update=changes)
        return add_post(desk.database, desk.store, draft, desk.now(), WRITER).id

    def _approve(self, post_id: int) -> None:
        PostQueue(self._desk, CHIEF).approve(post_id, repeat_is_meant=True)

    def fill_queue(self) -> None:
        """Fills the queue: six days of cover, posts on fixed days, and posts in every other state."""
        desk = self._desk
        for _ in range(3):
            self._approve(self._add())
        self._approve_for(days=9)
        self._approve(self._add(reserve=True))
        self._review(self._add(translations={}))
        self._leave_unfinished()
        self._add(embargo_until=NOW + timedelta(days=3))
        withdraw_post(desk.database, self._add(), NOW, CHIEF)
        for _ in range(2):
            self._approve(self._add())
        self._approve_for(days=15)
        self._approve_for(days=12)

    def _approve_for(self, *, days: int) -> None:
        """Approves a post for a fixed day."""
        post_id = self._add()
        self._approve(post_id)
        day = FixedDate(NOW.date() + timedelta(days=days))
        PostQueue(self._desk, CHIEF).move(post_id, day)

    def _review(self, post_id: int) -> None:
        """Has a post without Catalan text changed, sent to review and commented on."""
        desk = self._desk
        self.reviewed = post_id
        changes = PostChanges(standfirst="Why pathologists still trust a pair of dyes from the nineteenth century.")
        PostQueue(desk, WRITER).edit(post_id, changes)
        PostQueue(desk, WRITER).ask_for_review(post_id)
        for person, (email, _, _) in list(enumerate(PEOPLE, start=1))[:2]:
            text = "Which dye is it?" if email == CHIEF else "Added to the text. The Catalan one is on its way."
            PostQueue(desk, email).add_comment(post_id, person, text)

    def _leave_unfinished(self) -> None:
        """Adds a draft without credit and alt text."""
        draft = next(self._drafts)
        bare = tuple(ImageDraft(file=image.file) for image in draft.images)
        draft = PostDraft(title=draft.title, body="Filmed for *ten* hours: it never turned back.", images=bare)
        add_post(self._desk.database, self._desk.store, draft, NOW, WRITER)
