"""Instagram on its sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from publisher.platforms.base import Connection, PlatformAdapter
from publisher.platforms.errors import AlreadyPublic, PlatformError, Unavailable
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.session_files import SessionFile
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.instagram.login import totp_code
from publisher.sandbox.instagram.service import FIRST_ID, HOSTS, short_code
from publisher.sandbox.instagram.service import Sandbox as InstagramSandbox
from publisher.sandbox.ledger import LedgerPost
from publisher.sandbox.wire import Answer, Request
from tests.contract.account import Account
from tests.contract.cases import LoginCase, SecretCase, Step
from tests.contract.channel import SHORT_SECONDS
from tests.contract.platforms import instagram_answers as answers

CAPTION = "A cell divides 🔬\n\nImage: Ana Roig, CC BY 4.0\n#biology"
KEY = "1777885200016"
CONFIGURE = ("/api/v1/media/configure/", "/api/v1/media/configure_sidecar/")


class Person:
    """Answers what is asked, by a word in the question, and remembers it."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def show(self, text: str) -> None:
        raise AssertionError(f"nothing needs telling, but: {text}")

    def ask(self, question: str, *, secret: bool = False) -> str:
        self.asked.append(question)
        return next(answer for word, answer in self._answers.items() if word in question)


def _nobody(_account: Account) -> Person:
    return Person()


def _credentials(account: Account) -> dict[str, str]:
    return account.sandbox.credentials()


def _nothing(_account: Account) -> dict[str, str]:
    return {}


def _with_code(account: Account) -> Person:
    credentials = account.sandbox.credentials()
    code = totp_code(credentials["totp_seed"], datetime.now(UTC).timestamp())
    return Person(Password=credentials["password"], code=f"{code[:3]} {code[3:]}")


def _with_key(account: Account) -> Person:
    credentials = account.sandbox.credentials()
    return Person(Password=credentials["password"], code=credentials["totp_seed"].lower())


def _refused(secret: str, value: str, words: str) -> LoginCase:
    return LoginCase(
        f"{secret} {words}",
        lambda account: {**account.sandbox.credentials(), secret: value},
        _nobody,
        words,
        lambda _account, _person: [value],
    )


class Driver(Account):
    name = "instagram"
    KEY = KEY
    TEXT = CAPTION
    ACCOUNT_URL = "https://www.instagram.com/picture.of.the.day/"
    WAYS: ClassVar[Mapping[str, tuple[Step, ...]]] = {
        "one picture": (
            Step("upload", "upload", "upload"),
            Step("prepare", "prepare", "read", sends_content=False),
            Step("publish", "publish", "publish"),
        ),
        "carousel": (Step("publish", "publish", "publish"),),
    }
    WITHOUT_ALT_TEXT = ""
    PUBLISH_ANSWERS = answers.PUBLISH
    UPLOAD_ANSWERS = answers.UPLOAD
    LOOK_UP_ANSWERS = answers.QUESTION
    READ_ANSWERS = answers.QUESTION
    LISTINGS = answers.LISTINGS
    GONE_ANSWERS = answers.GONE
    WAITS = answers.WAITS
    UNUSABLE_SECRETS = tuple(
        SecretCase(name, (), r"\. Run: publisher connect instagram$", session)
        for name, session in {
            "no session": None,
            "no json": "not json",
            "a list": "[]",
            "no authorization": '{"authorization_data": {}}',
        }.items()
    )
    LOGINS = (
        LoginCase("all in the environment", _credentials, _nobody),
        LoginCase("asked for a code", _nothing, _with_code),
        LoginCase("given the key of the app", _nothing, _with_key),
    )
    REFUSED_LOGINS = (
        _refused("password", "not the password", "password"),
        _refused("totp_seed", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "second factor"),
        _refused("totp_seed", "not base 32!", "TOTP seed"),
        _refused("username", "somebody.else", "user name"),
    )
    LOGGERS = ("instagrapi", "private_request", "public_request", "publisher")
    SECOND_REQUEST = (AlreadyPublic,)
    LOGIN_NEEDS = ("/api/v1/accounts/current_user/",)
    may_share_keys = True
    LISTING_LIMIT = 120
    TOO_MANY = "more than 120 posts"
    PAGE_SIZE = 12
    REFUSED_CONNECTION = (Unavailable,)

    sandbox: InstagramSandbox
    _seconds: float | None = None
    """How long answers are waited for. None: as long as usual."""

    @classmethod
    def serve(cls, answer: Callable[[Request], Answer], refuses: Callable[[], bool], folder: Path) -> TlsServer:
        return TlsServer(answer, hosts=HOSTS, ca_file=folder / "ca.pem", refuse=refuses)

    def make_sandbox(self) -> InstagramSandbox:
        sandbox = InstagramSandbox(self.ledger, self.faults)
        # To make such a key takes as long as several tests.
        if "password key" not in self.wire.kept:
            self.wire.kept["password key"] = sandbox.login._key
        sandbox.login.__dict__["_key"] = self.wire.kept["password key"]
        return sandbox

    @property
    def server(self) -> TlsServer:
        assert isinstance(self.wire.server, TlsServer)
        return self.wire.server

    @property
    def images(self) -> int:
        return 2 if self.way == "carousel" else 1

    def address(self) -> dict[str, Any]:
        return {"proxy": self.server.proxy_url, "ca_file": self.server.ca_file}

    def open(self) -> None:
        """Logs in once, before a test spoils anything."""
        if "session" not in self.wire.kept:
            first = self.connection(session=SessionFile(self.folder / "first-session.json"))
            Adapter.authorize(first, Person())
            self.wire.kept["session"] = first.session.load()
            self.requests.clear()
            self.ahead.clear()

    def logged_in(self, *, save: bool = True, **changes: Any) -> Connection:
        """Returns a connection with the session of this run's one log-in, stored unless `save` is False."""
        connection = self.connection(**changes)
        if save:
            connection.session.save(self.wire.kept["session"])
        return connection

    def adapter(self, **changes: Any) -> Adapter:
        self._newest = Adapter.connect(self.logged_in(**changes))
        self._newest._client._timeout = self._seconds or self._newest._client._timeout
        return self._newest

    @contextmanager
    def waiting_shortly(self, seconds: float = SHORT_SECONDS) -> Iterator[None]:
        client = self._newest._client
        usual, client._timeout, self._seconds = client._timeout, seconds, seconds
        try:
            yield
        finally:
            client._timeout, self._seconds = usual, None

    def questions(self) -> dict[str, Callable[[PlatformAdapter, str], object]]:
        # Where a picture went up before, the post goes on with the time that the answer told.
        prepare = {"prepare": lambda _adapter, _id: self.adapter().prepare(self.post(1), [], idempotency_key=KEY)}
        return super().questions() | prepare

    def error_of(self, kind: str, step: Step) -> type[PlatformError] | None:
        expected = super().error_of(kind, step)
        return None if step.name == "prepare" and expected is Unavailable else expected

    def add_post(self, text: str, at: datetime | None = None) -> str:
        number = FIRST_ID + self.ledger.next_id()
        moment = at or self.sandbox.now()
        item = {
            "pk": number, "id": f"{number}_1", "code": short_code(number), "taken_at": int(moment.timestamp()),
            "device_timestamp": number % 10**12, "upload_ids": [], "user": self.sandbox._user.as_json(),
            "caption": {"text": text}, "media_type": 1, "image_versions2": {"candidates": []},
        }  # fmt: skip
        self.ledger.add(
            LedgerPost(
                platform="instagram", account=self.sandbox.account(), id=str(number), at=moment, caption=text, tags=(),
                url=f"https://www.instagram.com/p/{short_code(number)}/", images=(), idempotency_key=None, detail=item,
            )
        )  # fmt: skip
        return str(number)

    def secret_words(self) -> list[str]:
        credentials = self.sandbox.credentials()
        return [credentials["password"], credentials["totp_seed"]]

    def never_stored(self) -> list[str]:
        return self.secret_words()

    def words_of_session(self, session: str) -> list[str]:
        return [json.loads(session)["authorization_data"]["sessionid"]]

    def hide_ids(self) -> None:
        self.sandbox.echoes_upload_id = False

    def forget_media(self) -> None:
        self.pass_time(self.sandbox.uploads.lifetime)

    def received_texts(self) -> list[str]:
        return [self.bodies()[-1]["caption"]]

    def bodies(self) -> list[dict[str, Any]]:
        """Returns what each publishing request asked for."""
        forms = [request.form()["signed_body"] for request in self.publishing_requests()]
        return [json.loads(form.removeprefix("SIGNATURE.")) for form in forms]
