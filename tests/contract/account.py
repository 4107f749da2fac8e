"""What the contract suite knows of a platform: an account on its sandbox, and the channel that leads there.

Each platform has one driver, a class `Driver` in `tests/contract/platforms/NAME.py`. It says how the platform is
reached and what is peculiar about it, as data. The suite finds the drivers by the names of the platforms.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast
from unittest.mock import patch

from PIL import Image

from publisher.core.clock import ShiftedClock
from publisher.core.content import (
    Absence,
    AdaptedImage,
    AdaptedPost,
    Preparation,
    Publication,
    PublishedPost,
    Rendition,
    RenditionSpec,
)
from publisher.core.content import (
    Account as AccountOwner,
)
from publisher.platforms import exchange
from publisher.platforms.base import (
    NOTHING_PREPARED,
    Connection,
    KeySeed,
    PlatformAdapter,
    SessionFile,
    SupportsLookup,
    SupportsReadBack,
    UploadedMedia,
)
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.login_steps import LoginStep
from publisher.platforms.profiles import load_profile, platform_names
from publisher.platforms.registry import adapter_class
from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import EFFECTS, FaultBox
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.wire import Answer, Request
from tests.contract.cases import AnswerCase, ListingCase, LoginCase, SecretCase, Step, WaitCase

TITLE = "A cell divides"
NO_DATE = "yesterday"
"""A `Date` header that can't be read."""
SHORT_SECONDS = 0.6
"""How long an answer is waited for in a test in which none comes."""


class Server(Protocol):
    """What carries a platform over the network."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class LogsInByBrowser(Protocol):
    """An adapter class whose log-in leads a browser back."""

    def begin_login(self, connection: Connection, callback_url: str) -> LoginStep: ...

    def finish_login(
        self, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> AccountOwner: ...


class Wire:
    """One server of a platform for the whole session. Each test puts an account of its own behind it."""

    def __init__(self, driver: type[Account], folder: Path) -> None:
        self.account: Account | None = None
        self.server = driver.serve(self._answer, self._refuses, folder)
        self.kept: dict[str, Any] = {}
        """What takes long to make and is the same for every account, such as a stored log-in."""

    def _answer(self, request: Request) -> Answer:
        assert self.account is not None
        return self.account.answer(request)

    def _refuses(self) -> bool:
        account = self.account
        return account is not None and account.faults.take(account.name, refusing=True) is not None


class Account(ABC):
    """The platform's account, empty, and whatever stands between it and the desk."""

    name: ClassVar[str]
    KEY: ClassVar[str]
    """The idempotency key of the post that a test is about."""
    TEXT: ClassVar[str]
    ACCOUNT_URL: ClassVar[str]
    WAYS: ClassVar[Mapping[str, tuple[Step, ...]]]
    """The steps of a publication, for each way on which a post can be published."""
    WITHOUT_ALT_TEXT: ClassVar[str | None]
    """What is read back of a picture that has none."""
    PUBLISH_ANSWERS: ClassVar[Sequence[AnswerCase]]
    UPLOAD_ANSWERS: ClassVar[Sequence[AnswerCase]]
    LOOK_UP_ANSWERS: ClassVar[Sequence[AnswerCase]]
    READ_ANSWERS: ClassVar[Sequence[AnswerCase]]
    """Answers to the requests of a step, in the platform's own shapes, and what each has to mean."""
    LISTINGS: ClassVar[Sequence[ListingCase]]
    """Answers to a look-up that can't be read whole."""
    GONE_ANSWERS: ClassVar[Sequence[Answer]] = ()
    """Further ways to say that a post is gone."""
    WAITS: ClassVar[Sequence[WaitCase]]
    """How the platform asks for a pause."""
    WRONG_SECRETS: ClassVar[Sequence[str]] = ()
    """The secrets that sign requests."""
    UNUSABLE_SECRETS: ClassVar[Sequence[SecretCase]]
    LOGINS: ClassVar[Sequence[LoginCase]]
    """Log-ins that succeed."""
    REFUSED_LOGINS: ClassVar[Sequence[LoginCase]]
    BROWSER_LOGINS: ClassVar[Sequence[str]] = ()
    """Names of log-ins that lead a browser back to a callback address."""
    LOGGERS: ClassVar[Sequence[str]] = ()
    """Loggers of the platform's library, which must stay silent."""
    REPEATED_UPLOAD_IS_EQUAL: ClassVar[bool] = True
    SECOND_REQUEST: ClassVar[tuple[type[PlatformError], ...]]
    """How a second publishing request ends where the platform gives evidence; nothing: as if it had published."""
    forgets_media: ClassVar[bool] = True
    """Uploaded pictures are kept for a while only."""
    may_share_keys: ClassVar[bool] = False
    """Two tokens may give the same key."""
    LISTING_LIMIT: ClassVar[int]
    """A look-up reads no more posts than so many."""
    TOO_MANY: ClassVar[str]
    """A pattern of what is said then."""
    PAGE_SIZE: ClassVar[int]
    REFUSED_CONNECTION: ClassVar[tuple[type[PlatformError], ...]] = (Unavailable, Unconfirmed)
    """How a publishing request ends whose connection is reset at once."""
    SESSION_FIELDS: ClassVar[frozenset[str]] = frozenset()
    """What a log-in stores. Empty: it depends on the log-in."""
    CLOCK_TOLERANCE: ClassVar[timedelta] = timedelta(days=4)
    """By so much a clock may be wrong where nothing was prepared."""
    LOGIN_NEEDS: ClassVar[Sequence[str]] = ()
    """The paths of requests without whose answers no log-in goes on."""
    LOGIN_PAGES_BELIEVED: ClassVar[frozenset[int]] = frozenset()
    """Statuses of a gateway's page that the log-in takes for the platform's refusal. They should be none."""
    PAGES: ClassVar[Sequence[int]] = (1, 11, 12, 13, 25)
    """Numbers of newer posts behind which a post is found: around the ends of pages."""

    def __init__(self, folder: Path, wire: Wire) -> None:
        self.folder = folder
        self.wire = wire
        self.clock = ShiftedClock()
        self.ledger = Ledger()
        self.faults = FaultBox()
        self.sandbox: SandboxPlatform = self.make_sandbox()
        self.requests: list[Request] = []
        self.in_front: Callable[[Request], Answer | None] = lambda _request: None
        """Answers in front of the platform; where it returns None, the platform answers."""
        self.rewrite: Callable[[Request, Answer], Answer] = lambda _request, answer: answer
        """Changes what the platform has answered."""
        self.date_offset = timedelta(0)
        """By how much the `Date` of the answers is wrong."""
        self.ahead: list[timedelta] = []
        """How far the platform's clock was said to be ahead of ours."""
        self.session = SessionFile(folder / "sessions" / f"{self.name}.json")
        self.began = self.clock.now()
        self.way = next(iter(self.WAYS))
        self._names = itertools.count()
        self._passed = timedelta(0)

    # --- how the platform is reached -----------------------------------------------------------

    @classmethod
    @abstractmethod
    def serve(cls, answer: Callable[[Request], Answer], refuses: Callable[[], bool], folder: Path) -> Server:
        """Returns a server of the platform that is not started yet."""

    @abstractmethod
    def make_sandbox(self) -> SandboxPlatform:
        """Returns a new platform over the ledger and the faults of this account."""

    @abstractmethod
    def address(self) -> dict[str, Any]:
        """Returns the fields of a connection that lead to the server."""

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answer = self.rewrite(request, self.in_front(request) or self.sandbox.answer(request))
        if "Date" in answer.headers and not self.date_offset:
            return answer
        if answer.headers.get("Date") == NO_DATE:
            return answer
        return answer.with_headers({"Date": format_datetime(self.sandbox.now() + self.date_offset, usegmt=True)})

    # --- the channel -----------------------------------------------------------------------------

    def connection(
        self, *, secrets: Mapping[str, str] | None = None, timeout: float = 20.0, **changes: Any
    ) -> Connection:
        profile = load_profile(self.name)
        habits = profile.publishing.model_copy(update={"timeout_seconds": timeout})
        connection = Connection(
            channel=self.name,
            account=self.sandbox.account(),
            profile=profile.model_copy(update={"publishing": habits}),
            secrets=self.sandbox.credentials() if secrets is None else secrets,
            session=self.session,
            clock=self.clock,
            platform_clock=self.ahead.append,
            **self.address(),
        )
        return replace(connection, **changes)

    def open(self) -> None:
        """Makes what every account of a run shares, where it is not made yet."""

    def logged_in(self, **changes: Any) -> Connection:
        """Returns a connection whose log-in is there already."""
        return self.connection(**changes)

    def adapter(self, **changes: Any) -> PlatformAdapter:
        return adapter_class(self.name).connect(self.logged_in(**changes))

    def take_way(self, way: str) -> None:
        """Publishes on this way from now on."""
        self.way = way

    @property
    def images(self) -> int:
        """How many pictures a post of the present way has."""
        return 1

    @property
    def absence(self) -> Absence:
        """What a look-up says of a post that was prepared on the present way, and not published."""
        return Absence.NOT_LISTED

    def waiting_shortly(self, seconds: float = SHORT_SECONDS) -> AbstractContextManager[Any]:
        """Waits shortly for answers that do not come."""
        return patch.object(exchange, "ANSWER_TIMEOUT", seconds)

    # --- log-ins ---------------------------------------------------------------------------------

    def logging_in_shortly(self) -> AbstractContextManager[float]:
        """Waits shortly for the answers to a log-in; gives the timeout of the connection."""
        return nullcontext(SHORT_SECONDS)

    def is_ours(self, request: Request) -> bool:
        """Decides whether the adapter sent a request, and not the browser of a person who logs in."""
        return True

    def steps_of_login(self) -> LogsInByBrowser:
        found: Any = adapter_class(self.name)
        return cast("LogsInByBrowser", found)

    def allowed(self, step: LoginStep) -> str:
        """Allows the log-in in a browser, and returns the address that it is led to."""
        raise NotImplementedError

    def secret_words(self) -> list[str]:
        """Returns what stands in no log and no message."""
        return [*self.sandbox.credentials().values()]

    def never_stored(self) -> list[str]:
        """Returns what a log-in uses and does not keep."""
        return [value for name, value in self.sandbox.credentials().items() if name.startswith("consumer")]

    def words_of_session(self, session: str) -> list[str]:
        """Returns the secrets of a stored session."""
        return [value for value in json.loads(session).values() if isinstance(value, str)]

    # --- what is published -------------------------------------------------------------------------

    def key_of(self, number: int) -> str:
        """Returns the idempotency key of another post."""
        seed = KeySeed(token=f"{number:012x}", title=TITLE, created_at=datetime(2026, 5, 4, 9, 0, tzinfo=UTC))
        return adapter_class(self.name).idempotency_key(seed)

    def post(self, images: int | None = None, text: str = "") -> AdaptedPost:
        spec = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=8_000_000, max_width=1440, max_height=1800)
        count = self.images if images is None else images
        pictures = tuple(AdaptedImage(spec=spec, alt_text=alt_text(number)) for number in range(count))
        return AdaptedPost(
            channel=self.name,
            platform=self.name,
            language="en",
            title=TITLE,
            caption=text or self.TEXT,
            images=pictures,
        )

    def picture(
        self, number: int = 0, *, kind: str = "jpeg", size: tuple[int, int] = (60, 60), frames: int = 1
    ) -> Rendition:
        """Makes a picture file; each number has a colour of its own."""
        path = self.folder / f"{next(self._names)}.{kind}"
        images = [Image.new("RGB", size, ((number + frame) * 20 % 256, 80, 120)) for frame in range(frames)]
        images[0].save(path, kind, **({"save_all": True, "append_images": images[1:]} if frames > 1 else {}))
        fields = {"sha256": f"{number:064x}", "format": kind, "width": size[0], "height": size[1]}
        return Rendition.model_validate({**fields, "path": path, "bytes": path.stat().st_size})

    def upload(
        self, adapter: PlatformAdapter, alt_texts: Sequence[str] | int | None = None, *, key: str = ""
    ) -> list[UploadedMedia]:
        """Uploads so many pictures, or one for each alt text."""
        count = self.images if alt_texts is None else alt_texts
        texts = [alt_text(number) for number in range(count)] if isinstance(count, int) else count
        return [
            adapter.upload_media(
                self.picture(number), text, idempotency_key=key or self.KEY, position=number, total=len(texts)
            )
            for number, text in enumerate(texts)
        ]

    def prepare(
        self,
        adapter: PlatformAdapter,
        media: Sequence[UploadedMedia] | int | None = None,
        *,
        post: AdaptedPost | None = None,
        key: str = "",
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        uploaded = self.upload(adapter, media, key=key) if media is None or isinstance(media, int) else media
        return adapter.prepare(post or self.post(), uploaded, idempotency_key=key or self.KEY, earlier=earlier)

    def send(
        self,
        adapter: PlatformAdapter,
        media: Sequence[UploadedMedia],
        *,
        post: AdaptedPost | None = None,
        key: str = "",
    ) -> Publication:
        """Prepares and publishes uploaded pictures, as the worker does."""
        content, name = post or self.post(len(media)), key or self.KEY
        preparation = adapter.prepare(content, media, idempotency_key=name)
        return adapter.publish(content, media, idempotency_key=name, preparation=preparation)

    def publish(
        self, adapter: PlatformAdapter | None = None, count: int | None = None, post: AdaptedPost | None = None,
        key: str = "",
    ) -> str:  # fmt: skip
        """Uploads, prepares and publishes a post, and returns the id of what is public."""
        used = adapter or self.adapter()
        return self.send(used, self.upload(used, count, key=key), post=post, key=key).remote_id

    def find(
        self,
        adapter: PlatformAdapter | None = None,
        *,
        post: AdaptedPost | None = None,
        key: str = "",
        since: datetime | None = None,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        used = adapter or self.adapter()
        assert isinstance(used, SupportsLookup)
        return used.find_publication(
            post or self.post(), idempotency_key=key or self.KEY, since=since or self.began, preparation=preparation
        )

    def id_found(self, adapter: PlatformAdapter | None = None, **question: Any) -> str | None:
        """Returns the id of the post that a look-up finds; None where it finds none."""
        found = self.find(adapter, **question)
        return found.remote_id if isinstance(found, Publication) else None

    def read(self, remote_id: str, adapter: PlatformAdapter | None = None) -> PublishedPost | None:
        used = adapter or self.adapter()
        assert isinstance(used, SupportsReadBack)
        return used.read_publication(remote_id)

    def questions(self) -> dict[str, Callable[[PlatformAdapter, str], object]]:
        """Returns what is only asked, by a name: each takes an adapter and the id of a post."""
        return {
            "look-up": lambda adapter, _id: self.find(adapter),
            "read-back": lambda adapter, remote_id: self.read(remote_id, adapter),
            "credentials": lambda adapter, _id: adapter.verify_credentials(),
        }

    # --- what the platform has ---------------------------------------------------------------------

    def copies(self) -> list[LedgerPost]:
        """Returns every public post, oldest first."""
        return self.sandbox.posts()

    def sent_text(self) -> str:
        """Returns the text that followers read of the usual post."""
        return self.TEXT

    def hide_ids(self) -> None:
        """Lets the platform tell nothing of the idempotency key, where it may do so or not."""

    def url_of(self, copy: LedgerPost) -> str:
        """Returns the address that the adapter tells of a post."""
        return copy.url

    @abstractmethod
    def add_post(self, text: str, at: datetime | None = None) -> str:
        """Adds a post that was published in some other way, without pictures, and returns its id."""

    def remove_post(self, remote_id: str) -> None:
        """Removes a public post, as somebody does by hand."""
        kept = [post for post in self.ledger.posts() if post.id != remote_id]
        self.ledger.clear()
        for post in kept:
            self.ledger.add(post)

    def forget_media(self) -> None:
        """Lets the platform forget every uploaded picture."""
        raise NotImplementedError

    def publishing_requests(self) -> list[Request]:
        return [request for request in self.requests if self.sandbox.publishes(request)]

    def uploading_requests(self) -> list[Request]:
        """Returns what was sent besides: pictures, drafts."""
        return [request for request in self.requests if self.sandbox._step(request) == "upload"]

    def count(self, method: str, path: str) -> int:
        """Returns how many requests of a method a path has had."""
        return len([request for request in self.requests if (request.method, request.path) == (method, path)])

    def pass_time(self, duration: timedelta) -> None:
        """Lets time pass for the desk and the platform, and leaves both clocks as wrong as they are."""
        self.clock.shift_to(self.clock.now() + duration)
        self._passed += duration
        self.ledger.shift(self._passed)

    def set_our_clock(self, ahead: timedelta) -> None:
        """Lets the desk's clock be wrong by so much, and the platform's be right."""
        self.clock.shift_to(self.ledger.now() + ahead)

    # --- what a fault has to mean ------------------------------------------------------------------

    def error_of(self, kind: str, step: Step) -> type[PlatformError] | None:
        """Returns what a fault of the sandbox must end as at a step; None: the step goes on without the answer."""
        refusal = EFFECTS[kind].refusal
        if refusal == "429":
            return RateLimited
        if refusal == "unauthorized":
            return CredentialsRefused
        if refusal == "reject" and step.sends_content:
            return ContentRejected
        return Unconfirmed if step.struck == "publish" else Unavailable


def alt_text(number: int) -> str:
    return f"Cell {number}"


# --- the drivers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drivers:
    """The driver of each platform that has one, and the platforms that have none."""

    found: Mapping[str, type[Account]]
    missing: tuple[str, ...]


def find_drivers(names: Sequence[str] | None = None) -> Drivers:
    """Finds the class `Driver` of each platform in `tests.contract.platforms`."""
    found: dict[str, type[Account]] = {}
    missing = []
    for name in platform_names() if names is None else names:
        module = f"tests.contract.platforms.{name}"
        if importlib.util.find_spec(module) is None:
            missing.append(name)
        else:
            found[name] = importlib.import_module(module).Driver
    return Drivers(found, tuple(missing))
