"""Simulates Instagram: log-in with two factors, image upload, single posts and carousels, reading posts.

It speaks the private interface of the mobile app. What is not known about the live platform is a
switch: whether it recognises an upload id that has a post already (reported for a picture's id that
a video came with), whether its listing shows the upload id (some reports show another number
there), and for how long it keeps an upload (not documented; a day is the life of a container of the
official interface). Without the first switch a double send shows as two posts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from publisher.core.clock import SystemClock
from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.habits import PlatformHabits
from publisher.sandbox.instagram.habits import HABITS
from publisher.sandbox.instagram.login import LoginServer, User, fail, succeed
from publisher.sandbox.instagram.media import Refusal, Uploads, needs_reupload, picture_as_json
from publisher.sandbox.ledger import Ledger, LedgerImage, LedgerPost
from publisher.sandbox.wire import Answer, Request, read_object

HOSTS = ("i.instagram.com", "b.i.instagram.com", "www.instagram.com")
CAPTION_LIMIT = 2200
HASHTAG_LIMIT = 5
PAGE_SIZE = 12
FIRST_ID = 3_500_000_000_000_000_000
DEVICE_TIME = 386_641_252_565_009
CODE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PUBLISHING = ("/api/v1/media/configure/", "/api/v1/media/configure_sidecar/")
EDIT_PATH = r"/api/v1/media/(\d+)(?:_\d+)?/edit_media/"


class Sandbox(SandboxPlatform):
    """Answers as Instagram does. While `challenged`, a person must confirm that the account is theirs.

    With `recognises_upload_ids` an id that has a post is refused with `conflict_status`, when it is
    uploaded and when it is published. Without `echoes_upload_id` no post shows its id. An upload
    expires after the `lifetime` of `uploads`.
    """

    name: ClassVar[str] = "instagram"
    label: ClassVar[str] = "Instagram"
    hosts: ClassVar[tuple[str, ...]] = HOSTS
    needs_login: ClassVar[bool] = True
    habits: ClassVar[PlatformHabits] = HABITS

    def __init__(self, ledger: Ledger, faults: FaultQueue) -> None:
        super().__init__(ledger, faults)
        self._user = User(
            id=61_000_000_001,
            name="picture.of.the.day",
            password="sandbox-instagram-password",  # noqa: S106 - the sandbox shows it to anybody
            totp_seed="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        )
        self.login = LoginServer(self._user, SystemClock())
        self.challenged = False
        self.recognises_upload_ids = False
        self.conflict_status = 400
        self.echoes_upload_id = True
        self.uploads = Uploads(ledger)
        self._routes: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
            ("POST", r"/api/v1/feed/(?:reels_tray|timeline)/", self._empty_feed),
            ("GET", r"/api/v1/accounts/current_user/", self._current_user),
            ("POST", r"/rupload_igphoto/(\d+)_0_-?\d+", self._upload),
            ("POST", r"/api/v1/media/configure/", self._configure),
            ("POST", r"/api/v1/media/configure_sidecar/", self._configure_sidecar),
            ("POST", EDIT_PATH, self._edit),
            ("GET", rf"/api/v1/feed/user/{self._user.id}/", self._feed),
            ("GET", r"/api/v1/media/(\d+)(?:_\d+)?/info/", self._media_info),
        )

    def set_evidence(self, *, on: bool) -> None:
        self.recognises_upload_ids = on

    def publishes(self, request: Request) -> bool:
        return request.method == "POST" and request.path in PUBLISHING

    def corrects(self, request: Request) -> bool:
        return request.method == "POST" and re.fullmatch(EDIT_PATH, request.path) is not None

    def credentials(self) -> dict[str, str]:
        return {"username": self._user.name, "password": self._user.password, "totp_seed": self._user.totp_seed}

    def account(self) -> str:
        return self._user.name

    def refusal(self, kind: str) -> Answer:
        match kind:
            case "429":
                return fail(429, "Please wait a few minutes before you try again.")
            case "unauthorized":
                return _login_required()
            case "reject":
                return fail(400, "Uploaded image isn't in an allowed aspect ratio")
            case "504":
                return Answer.of_text(504, "<html>Gateway Timeout</html>", "text/html")
            case _:
                return Answer.of_text(500, "<html>Oops, an error occurred.</html>", "text/html")

    def handle(self, request: Request) -> Answer:
        answer = self.login.answer(request)
        if self.challenged and (answer is None or "send_login_request" in request.path):
            path = f"/challenge/{self._user.id}/nonce/"
            return fail(400, "challenge_required", challenge={"api_path": path, "native_flow": True})
        if answer is not None:
            return answer
        if not self.login.has_session(request):
            return _login_required()
        for method, pattern, route in self._routes:
            if method == request.method and (match := re.fullmatch(pattern, request.path)):
                return route(request, *match.groups())
        return fail(404, "There is no such endpoint")

    def _empty_feed(self, _request: Request) -> Answer:
        return succeed()

    def _current_user(self, _request: Request) -> Answer:
        return succeed(user=self._user.as_json())

    # --- publishing --------------------------------------------------------------------------

    def _upload(self, request: Request, upload_id: str) -> Answer:
        return self._conflict() if self._is_used(upload_id) else self.uploads.receive(request, upload_id)

    def _configure(self, request: Request) -> Answer:
        body = _signed_body(request)
        upload_id = str(body.get("upload_id", ""))
        if self._is_used(upload_id):
            return self._conflict()
        if not self.uploads.has(upload_id):
            return needs_reupload(upload_id)
        try:
            return self._post(body, [self.uploads.image(body)], upload_id)
        except Refusal as refusal:
            return refusal.answer

    def _configure_sidecar(self, request: Request) -> Answer:
        body = _signed_body(request)
        children = body.get("children_metadata", [])
        ids = [str(child["upload_id"]) for child in children]
        if any(map(self._is_used, [str(body.get("client_sidecar_id", "")), *ids])):
            return self._conflict()
        missing = [upload_id for upload_id in ids if not self.uploads.has(upload_id)]
        if missing:
            return needs_reupload(missing[0])
        try:
            images = self.uploads.images(children)
            return self._post(body, images, str(body["client_sidecar_id"]))
        except Refusal as refusal:
            return refusal.answer

    def _is_used(self, upload_id: str) -> bool:
        """Decides whether the platform recognises this upload id as that of a post."""
        return (
            self.recognises_upload_ids
            and bool(upload_id)
            and any(upload_id in _ids_of(post.detail) for post in self.posts())
        )

    def _conflict(self) -> Answer:
        return fail(self.conflict_status, "Server got a conflicting upload id")

    def _post(self, body: dict[str, Any], images: list[LedgerImage], key: str) -> Answer:
        caption = _checked_caption(body.get("caption", ""))
        number = FIRST_ID + self.ledger.next_id()
        code = short_code(number)
        at = self.now()
        item = {
            "pk": number,
            "id": f"{number}_{self._user.id}",
            "code": code,
            "taken_at": int(at.timestamp()),
            "device_timestamp": int(body["upload_id"]),
            "upload_ids": [str(metadata["upload_id"]) for metadata in (body, *body.get("children_metadata", []))],
            "user": self._user.as_json(),
            "caption": {"text": caption} if caption else None,
            **self._pictures_as_shown(number, images, body),
        }
        self.ledger.add(
            LedgerPost(
                platform=self.name,
                account=self._user.name,
                id=str(number),
                at=at,
                url=f"https://www.instagram.com/p/{code}/",
                caption=caption,
                tags=(),
                images=tuple(images),
                idempotency_key=key,
                detail=item,
            )
        )
        return succeed(media=self._item_as_shown(item), upload_id=str(body["upload_id"]))

    def _edit(self, request: Request, number: str) -> Answer:
        """Replaces a post's caption, the people tagged in it and its place. It can't replace its alt texts."""
        body = _signed_body(request)
        post = next((post for post in self.posts() if post.id == number), None)
        if post is None:
            return fail(404, "Media not found or unavailable")
        if "caption_text" not in body:
            return fail(400, "caption_text is missing")
        try:
            caption = _checked_caption(body["caption_text"])
            tagged, place = read_object(body.get("usertags") or "{}"), read_object(body.get("location") or "{}")
        except Refusal as refusal:
            return refusal.answer
        item = {**post.detail, "caption": {"text": caption} if caption else None}
        item = {name: value for name, value in item.items() if name not in ("usertags", "location")}
        if tagged.get("in"):
            item["usertags"] = {
                "in": [{"user": {"pk": tag["user_id"]}, "position": tag["position"]} for tag in tagged["in"]]
            }
        if place:
            item["location"] = place
        if item != post.detail:
            self.ledger.change(post.edited(replace(post, caption=caption, detail=item), self.now()))
        return succeed(media=self._item_as_shown(item))

    def _pictures_as_shown(self, number: int, images: list[LedgerImage], body: dict[str, Any]) -> dict[str, Any]:
        """Returns the pictures of a post as the platform shows them: in the post itself, or in its children."""
        if "children_metadata" not in body:
            return picture_as_json(images[0])
        children = [{"pk": number * 100 + position, **picture_as_json(image)} for position, image in enumerate(images)]
        return {
            "media_type": 8,
            "product_type": "carousel_container",
            "client_sidecar_id": str(body["client_sidecar_id"]),
            "carousel_media_count": len(children),
            "carousel_media": children,
        }

    # --- reading -----------------------------------------------------------------------------

    def _feed(self, request: Request) -> Answer:
        items = [self._item_as_shown(post.detail) for post in reversed(self.listed_posts())]
        if after := request.query.get("max_id"):
            items = [item for item in items if item["pk"] < int(after.partition("_")[0])]
        page = items[: int(request.query.get("count") or PAGE_SIZE)]
        next_page = {"next_max_id": page[-1]["id"]} if len(page) < len(items) else {}
        return succeed(items=page, num_results=len(page), more_available=bool(next_page), **next_page)

    def _item_as_shown(self, item: dict[str, Any]) -> dict[str, Any]:
        """Returns a post as the platform shows it."""
        hidden_names = {"upload_ids"} if self.echoes_upload_id else {"upload_ids", "client_sidecar_id"}
        item_shown = {name: value for name, value in item.items() if name not in hidden_names}
        # Such a number was reported in https://github.com/mgp25/Instagram-API/issues/2545.
        return item_shown if self.echoes_upload_id else {**item_shown, "device_timestamp": DEVICE_TIME}

    def _media_info(self, _request: Request, number: str) -> Answer:
        items = [self._item_as_shown(post.detail) for post in self.readable_posts() if post.id == number]
        if not items:
            return fail(404, "Media not found or unavailable")
        return succeed(items=items, num_results=1, more_available=False)


def _checked_caption(value: object) -> str:
    """Returns a caption. Raises Refusal where the platform takes none like it."""
    caption = str(value)
    if len(caption.encode("utf-16-le")) // 2 > CAPTION_LIMIT:
        raise Refusal("The caption is longer than 2,200 characters")
    if len(re.findall(r"(?<!\w)#\w+", caption)) > HASHTAG_LIMIT:
        raise Refusal("The caption has more than 5 hashtags")
    return caption


def _ids_of(item: dict[str, Any]) -> list[str]:
    """Returns the upload ids of a post and its pictures."""
    return [*item["upload_ids"], str(item.get("client_sidecar_id", ""))]


def _signed_body(request: Request) -> dict[str, Any]:
    """Reads the signed body of a request; empty where it was cut off."""
    return read_object(request.form().get("signed_body", "").removeprefix("SIGNATURE."))


def short_code(number: int) -> str:
    letters = []
    while number:
        number, digit = divmod(number, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[digit])
    return "".join(reversed(letters))


def _login_required() -> Answer:
    return fail(403, "login_required", error_title="You've Been Logged Out", error_body="Please log back in.")
