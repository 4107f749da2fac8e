"""Publishes to the toy platform. A post has a key of its own, so that sending it again does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import requests

from publisher.core.content import Absence, Account, AdaptedPost, Preparation, Publication, PublishedPost, Rendition
from publisher.core.messages import _
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import Connection, Dialogue, KeySeed, PlatformAdapter, Secret, UploadedMedia
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.links import LinkFault, LinkRefused, read_link
from publisher.platforms.text_difference import TextDifference, first_difference
from publisher.platforms.transport import (
    SentRequest,
    deadline_for,
    is_from_gateway,
    json_object,
    new_session,
    note_clock,
    retry_after,
    send_once,
)

from .problem_codes import ToyProblem

API_URL = "https://toy.example"
READ_TIMEOUT = 10.0
PAUSE = timedelta(minutes=1)


class Adapter(PlatformAdapter):
    """Publishes to one account of the toy platform by its token."""

    secrets: ClassVar[tuple[Secret, ...]] = (Secret(name="token", hint=_("the token of the toy account")),)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._url = connection.base_url or API_URL
        self._session = new_session("publisher", proxy=connection.proxy, ca_file=connection.ca_file)
        self._session.headers["Authorization"] = f"Bearer {connection.secrets['token']}"

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        return cls(connection)

    @classmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        """Returns the account of the token, which is all that a channel needs."""
        return cls(connection).verify_credentials()

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        return f"toy-{seed.token}"

    @classmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        link = read_link(reference.strip())
        match link.path if link else ("posts", reference.strip()):
            case ("posts", post_id) if post_id.startswith("toy-"):
                return post_id
        raise LinkRefused(LinkFault.NOT_A_POST)

    def verify_credentials(self) -> Account:
        values = self._send("GET", "/me", SentRequest(_("Asking the toy platform who we are")))
        return Account(id=values["name"], name=values["name"])

    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        content = image.path.read_bytes()
        self._send(
            "PUT",
            f"/pictures/{image.sha256}",
            SentRequest(_("Uploading picture {number} to the toy platform", number=position + 1)),
            timeout=deadline_for(len(content), self._connection.uplink_bytes_per_second),
            data=content,
            headers={"Content-Type": image.mime_type},
        )
        return UploadedMedia(image=image, alt_text=alt_text, reference=image.sha256)

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        pictures = [{"sha256": picture.reference, "alt": picture.alt_text} for picture in media]
        self._send(
            "PUT",
            f"/posts/{idempotency_key}",
            SentRequest(_("Publishing on the toy platform"), publishing=True),
            timeout=self._connection.profile.publishing.timeout_seconds,
            json={"text": post.caption, "pictures": pictures},
        )
        return self._publication(idempotency_key)

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        return self._publication(idempotency_key) if self._read(idempotency_key) else Absence.NOT_LISTED

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        fields = self._read(remote_id)
        if not fields:
            return None
        alt_texts = tuple(picture["alt"] for picture in fields["pictures"])
        return PublishedPost(
            remote_id=remote_id,
            url=self._publication(remote_id).url,
            image_count=len(alt_texts),
            alt_texts=alt_texts,
            text=fields["text"],
        )

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        return first_difference(post.caption, shown)

    def _publication(self, post_id: str) -> Publication:
        return Publication(remote_id=post_id, url=self.post_url_of(post_id, "", self._connection.profile))

    def _read(self, post_id: str) -> dict[str, Any]:
        """Returns the post as the platform shows it; empty when there is none."""
        return self._send("GET", f"/posts/{post_id}", SentRequest(_("Reading from the toy platform")))

    def _send(
        self, method: str, path: str, sent: SentRequest, *, timeout: float = READ_TIMEOUT, **body: Any
    ) -> dict[str, Any]:
        """Sends one request, and returns its answer; empty when the requested object does not exist."""
        clock = self._connection.clock
        began = clock.now()
        answer = send_once(self._session, method, self._url + path, sent=sent, read_timeout=timeout, **body)
        note_clock(answer.headers, self._connection.platform_clock, clock=clock, began=began)
        values = json_object(answer)
        if values is not None and answer.status_code == requests.codes.ok:
            return values
        if is_from_gateway(answer, lambda body: "error" in body):
            # A gateway in front of the platform answered, or the answer was cut: what was done is unknown.
            error_type: type[PlatformError] = Unconfirmed if sent.publishing else Unavailable
            raise error_type(ToyProblem.ANSWER_UNREADABLE(step=sent.what), status=answer.status_code)
        match answer.status_code:
            case 404 if method == "GET":
                return {}
            case 401:
                raise CredentialsRefused(ToyProblem.TOKEN_REFUSED(), status=401)
            case 422:
                raise ContentRejected(ToyProblem.POST_REFUSED(), status=422)
            case 429:
                now = clock.now()
                retry_at = retry_after(answer.headers, now) or now + PAUSE
                raise RateLimited(ToyProblem.RATE_LIMITED(at=retry_at), retry_at=retry_at, status=429)
        problem = ToyProblem.SERVER_FAILED(step=sent.what)
        raise (Unconfirmed if sent.publishing else Unavailable)(problem, status=answer.status_code)
