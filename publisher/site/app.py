"""Builds the application that answers visitors: pages, pictures, headers, and limits of what a crowd may cost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from publisher.adapt.images.picture_making import PictureMaker
from publisher.adapt.images.rendering import ImageRefused
from publisher.core.content import Rendition, RenditionSpec
from publisher.core.errors import UserError
from publisher.core.logs import get_logger
from publisher.core.rate_limits import Buckets
from publisher.core.special_addresses import rate_limit_network
from publisher.db.event_cache import PageCache
from publisher.desk import Desk
from publisher.site.packed_answers import PackedAnswer
from publisher.site.page_request import PageRequest
from publisher.site.pages import MAX_PATH, SitePages
from publisher.site.pictures import PictureCopy
from publisher.site.rendering import FILES

T = TypeVar("T")

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    "cross-origin-opener-policy": "same-origin",
}
PAGE_CACHING = "public, max-age=60"
"""Short, so that a corrected or withdrawn post is soon so everywhere."""
FILE_CACHING = "public, max-age=31536000, immutable"
"""For files whose address changes with their content."""
PICTURE_CACHING = "public, max-age=86400"
"""A day: the picture of a withdrawn post must go, too."""
NO_CACHING = "no-store"
THREADS = 4
"""Pages that are made at once: publishing needs the machine too."""
MAX_WAITING = 64
"""Requests that may wait for a thread; later ones are refused at once."""
MAX_SEARCHES = 2
"""Searches that run at once."""
MAX_PAGES = 256
"""Pages that are kept, of some 10 kB each."""
PICTURE_SECONDS = 30.0
"""A picture that takes longer to make is sent when the page is loaded again."""
RETRY_SECONDS = 5
TEXT = "text/plain; charset=utf-8"


class TooMuch(Exception):
    """More is asked than the site can do now."""


class SiteApp:
    """Answers the visitors of one site."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pages = SitePages(desk)
        self._cache = PageCache(MAX_PAGES)
        self._maker = PictureMaker(lambda spec: desk.renderer.render(spec))  # noqa: PLW0108 - made at its first use
        self._searches = threading.BoundedSemaphore(MAX_SEARCHES)
        self._own_searches = Buckets(quota=20, window=60)
        self._all_searches = Buckets(quota=240, window=60)
        self._limiter: CapacityLimiter | None = None

    def prepare(self) -> None:
        """Reads what takes seconds, before somebody asks for a page. A failure is logged: a page tries it again."""
        try:
            self._pages.prepare()
        except Exception:
            get_logger("site").exception("the posts can't be read")

    async def answer(self, request: Request) -> Response:
        """Answers any request. A failure is logged, and its text is nobody else's business."""
        try:
            response = await self._answer(request)
        except TooMuch:
            response = Response("Too many requests at once; try again soon.\n", 503, media_type=TEXT)
            response.headers["retry-after"] = str(RETRY_SECONDS)
        except UserError as error:
            get_logger("site").error("a page can't be shown", path=request.url.path, code=error.code, why=str(error))
            response = Response("This page can't be shown now; try again later.\n", 503, media_type=TEXT)
        except Exception:
            get_logger("site").exception("a page can't be shown", path=request.url.path)
            response = Response("This page can't be shown now; try again later.\n", 500, media_type=TEXT)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("cache-control", NO_CACHING)
        return response

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response("Only GET and HEAD.\n", 405, {"allow": "GET, HEAD"}, TEXT)
        root = self._desk.settings.site.root_path
        path = request.scope["path"]
        if root and path.startswith((f"{root}/", root)) and path[len(root) : len(root) + 1] in ("", "/"):
            path = path[len(root) :] or "/"
        if len(path) > MAX_PATH:
            path = "/no-such-page"
        query_string = request.scope["query_string"].decode("latin-1")
        asked = self._pages.request(path, query_string)
        if path != asked.single_path:
            return Response(status_code=301, headers={"location": root + asked.target})
        if path.startswith("/pictures/"):
            return await self._picture(request, path.removeprefix("/pictures/"))
        if asked.is_search:
            return _page_response(request, await self._search(request, asked), asked)
        return _page_response(request, await self._in_thread(self._cached, asked), asked)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        if self._limiter.statistics().tasks_waiting >= MAX_WAITING:
            raise TooMuch
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._limiter)

    def _cached(self, asked: PageRequest) -> PackedAnswer:
        """Returns a page as it was made, until something is recorded in the desk, or for some seconds."""
        if asked.reads_query:
            return PackedAnswer.of(self._pages.answer(asked))
        # What nobody links to must not push out what many read: a page is kept by its path alone, if there is one.
        plain = asked.without_query()
        page = self._cache.get(
            self._desk.database, self._desk.now(), asked.path, partial(self._packed, plain), keeps=_is_there
        )
        if page.answer.status == 404 and asked.query_string and (former := self._pages.former(asked)):
            return PackedAnswer.of(former)
        return page

    def _packed(self, asked: PageRequest) -> PackedAnswer:
        return PackedAnswer.of(self._pages.answer(asked))

    async def _search(self, request: Request, asked: PageRequest) -> PackedAnswer:
        """Searches, unless this visitor or all of them ask too much: publishing comes first."""
        network = rate_limit_network(request.client.host if request.client else "")
        if self._own_searches.take(network).granted and self._all_searches.take("").granted:
            return await self._in_thread(self._search_in_turn, asked)
        return await self._in_thread(self._refused, asked)

    def _search_in_turn(self, asked: PageRequest) -> PackedAnswer:
        if not self._searches.acquire(blocking=False):
            return self._refused(asked)
        try:
            return self._packed(asked)
        finally:
            self._searches.release()

    def _refused(self, asked: PageRequest) -> PackedAnswer:
        return PackedAnswer.of(self._pages.refusal(asked))

    async def _picture(self, request: Request, name: str) -> Response:
        copy = await self._in_thread(self._pages.picture, name)
        if copy is None:
            return Response("There is no such picture.\n", 404, media_type=TEXT)
        headers = {
            "etag": f'"{copy.spec.digest[:32]}"',
            "cache-control": PICTURE_CACHING,
            # Readers of feeds and other sites may show it.
            "cross-origin-resource-policy": "cross-origin",
        }
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        try:
            rendition = await self._in_thread(self._stored, copy) or await self._made(copy.spec)
        except ImageRefused:
            return Response("This picture can't be shown.\n", 404, media_type=TEXT)
        if rendition is None:
            raise TooMuch
        return FileResponse(rendition.path, media_type=rendition.mime_type, headers=headers)

    def _stored(self, copy: PictureCopy) -> Rendition | None:
        return self._desk.renderer.stored(copy.spec.digest)

    async def _made(self, spec: RenditionSpec) -> Rendition | None:
        """Makes a picture, while no thread of the pages waits; None: not in time, or too many are being made."""
        future = self._maker.enqueue(spec)
        if future is None:
            return None
        done, _waiting = await asyncio.wait([asyncio.wrap_future(future)], timeout=PICTURE_SECONDS)
        return done.pop().result() if done else None


def _is_there(page: PackedAnswer) -> bool:
    return page.answer.status == 200


def _page_response(request: Request, page: PackedAnswer, asked: PageRequest) -> Response:
    answer = page.answer
    headers = {**answer.headers, "vary": "accept-encoding"}
    if answer.status == 200:
        headers |= {"etag": page.etag, "cache-control": _caching(page, asked)}
        if page.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
    elif answer.status in (301, 404, 410):
        headers["cache-control"] = PAGE_CACHING
    body, encoding = page.body_for(request.headers.get("accept-encoding", ""))
    if encoding is not None:
        headers["content-encoding"] = encoding
    return Response(body, answer.status, headers, answer.media_type)


def _caching(page: PackedAnswer, asked: PageRequest) -> str:
    """Lets a file be kept for long where its address names the content that it has now."""
    version = asked.query.get("v")
    if asked.path.removeprefix("/") in FILES and version and version == page.digest[: len(version)]:
        return FILE_CACHING
    return NO_CACHING if asked.is_search else PAGE_CACHING


def create_site(site: SiteApp) -> Router:
    """Builds the ASGI application of one outlet's site."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        response = await site.answer(Request(scope, receive))
        await response(scope, receive, send)

    # No route matches a path that has a line break, and each path is answered here.
    return Router(default=answer)
