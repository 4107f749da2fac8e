"""Builds the web application: routes, the guard before them, middleware and error pages."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Awaitable, Callable
from importlib import resources
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from publisher import __version__
from publisher.adapt.images.picture_making import PictureMaker
from publisher.core.errors import ErrorKind, UserError
from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.db.event_cache import CachedValue, PageCache
from publisher.desk import Desk
from publisher.web.access import check_rules
from publisher.web.api.app import PATH as API_PATH
from publisher.web.api.app import ROUTERS as API_ROUTERS
from publisher.web.api.app import create_api
from publisher.web.api.problems import RequestRefused, answer_of
from publisher.web.api.problems import problem_response as problem
from publisher.web.change_streams import ChangeStreams
from publisher.web.channel_preview import RecentSpecs
from publisher.web.errors import (
    ConfirmationNeeded,
    FormOutOfDate,
    FormWithoutLogin,
    LoginNeeded,
    PageError,
    as_sentence,
)
from publisher.web.guard import CSRF_HEADER, guard, identify
from publisher.web.import_jobs import ImportJobs
from publisher.web.load_limit import LoadLimit, limited_workers
from publisher.web.middleware import BodyLimit, FailureResponses, ResponseCookies, SecurityHeaders
from publisher.web.pages import ROUTERS
from publisher.web.pages.shared import SharedLimits
from publisher.web.problem_codes import RequestProblem
from publisher.web.rendering import address, asks_for_json, page, path_without_secrets
from publisher.web.slow_work import SlowWork, WorkRefused

DID_NOT_WORK = _("That did not work")
STATIC_CACHE_CONTROL = "public, max-age=31536000, immutable"


def create_app(desk: Desk, *, root_path: str = "") -> FastAPI:
    """Builds the application of one desk. `root_path`: the path that a proxy serves it under."""
    app = FastAPI(
        title="publisher",
        version=__version__,
        root_path=root_path,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(guard)],
        lifespan=limited_workers,
    )
    app.state.desk = desk
    app.state.paths = {"static": "/static/{path}", **_path_templates()}
    app.state.recent_specs = RecentSpecs()
    # The renderer is made when the first picture is: the settings may not be readable yet.
    app.state.picture_maker = PictureMaker(lambda spec: desk.renderer.render(spec))  # noqa: PLW0108
    app.state.slow_work = SlowWork()
    app.state.today_cache = CachedValue()
    app.state.page_cache = PageCache()
    app.state.shared_limits = SharedLimits()
    app.state.import_jobs = ImportJobs(desk)
    app.state.requests = 0
    app.state.stopping = threading.Event()
    app.state.change_streams = ChangeStreams(desk, app.state.stopping)
    for router in ROUTERS:
        app.include_router(router)
    files = str(resources.files("publisher.web").joinpath("static"))
    app.mount("/static", _VersionedFiles(directory=files), name="static")
    app.state.api = create_api(desk)
    app.state.api.state.slow_work = app.state.slow_work
    app.mount(API_PATH, app.state.api, name="api")
    _add_error_handlers(app)
    app.add_middleware(FailureResponses, answer=_render_unexpected_error)
    app.add_middleware(ResponseCookies)
    app.add_middleware(LoadLimit, api_path=API_PATH)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(BodyLimit, unless=API_PATH)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_allowed_hosts(desk))
    check_rules(route for router in (*ROUTERS, *API_ROUTERS) for route in router.routes)
    return app


def _path_templates() -> dict[str, str]:
    """Returns the path of each page by its route's name, with its parameters in braces."""
    routes = (route for router in ROUTERS for route in router.routes)
    return {route.name: route.path_format for route in routes if isinstance(route, Route)}


class _VersionedFiles(StaticFiles):
    """Serves files whose address changes with their content, so that browsers keep them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = STATIC_CACHE_CONTROL
        return response


def _allowed_hosts(desk: Desk) -> list[str]:
    """Lists the host names that the desk answers to, so that no other site reaches it under a name of its own."""
    web = desk.settings.web
    linked = urlsplit(desk.settings.notify.link).hostname
    return ["localhost", "127.0.0.1", "[::1]", web.host, *web.hosts, *([linked] if linked else [])]


Handler = Callable[[Request, Exception], Awaitable[Response]]


def _add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(UserError, _render_error)
    app.add_exception_handler(HTTPException, _render_http_error)
    app.add_exception_handler(RequestValidationError, _render_invalid_form)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)


async def _render_error(request: Request, error: Exception) -> Response:
    if isinstance(error, LoginNeeded) and request.method == "GET":
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        return RedirectResponse(f"{address(request, 'login')}?next={quote(path)}", 303)
    if isinstance(error, LoginNeeded) and asks_for_json(request):
        return JSONResponse({"refused": as_sentence(str(error))}, error.status)
    if isinstance(error, FormWithoutLogin):
        return page(request, "logged_out.html", error.status, fields=error.fields, has_files=error.has_files)
    if isinstance(error, ConfirmationNeeded):
        return page(request, "confirm.html", error.status, fields=error.fields, refused=error.refused)
    if isinstance(error, FormOutOfDate):
        context = {"fields": error.fields, "has_files": error.has_files}
        response = page(request, "out_of_date.html", error.status, **context)
        response.headers[CSRF_HEADER] = error.key
        return response
    status = _status_of(error)
    if status >= 500 and isinstance(error, UserError) and not isinstance(error, WorkRefused):
        get_logger("web").warning(
            "a page can't be shown", path=path_without_secrets(request), code=error.code, why=str(error)
        )
    message = as_sentence(str(error))
    if asks_for_json(request):
        answer: Response = JSONResponse({"refused": message}, status)
    else:
        answer = page(request, "error.html", status, title=DID_NOT_WORK, message=message, reference="")
    if isinstance(error, WorkRefused):
        answer.headers["retry-after"] = str(error.retry_seconds)
    return answer


def _status_of(error: Exception) -> int:
    """Returns the status of a page that shows an error."""
    if isinstance(error, PageError):
        return error.status
    return 503 if isinstance(error, UserError) and error.kind is ErrorKind.MACHINE else 409


async def _render_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.url.path.removeprefix(request.scope.get("root_path", "")).startswith(f"{API_PATH}/"):
        # The mounted application never sees some addresses, such as one with a line end.
        return problem(request, answer_of(RequestRefused(status, RequestProblem.NO_SUCH_ADDRESS())))
    if "route" not in request.scope:
        await identify(request)  # No guard stood before an address that does not exist.
    title, message = {
        404: (_("There is nothing here"), _("The address is wrong, or what it showed is gone.")),
        405: (_("That can't be done here"), _("Go back to the page that you came from.")),
    }.get(status, (DID_NOT_WORK, _("Go back to the page that you came from, and try again.")))
    return page(request, "error.html", status, title=title, message=message, reference="")


async def _render_invalid_form(request: Request, error: Exception) -> Response:
    fields = error.errors() if isinstance(error, RequestValidationError) else []
    names = ", ".join(sorted({str([*field["loc"], "form"][1]) for field in fields}))
    message = _("These fields can't be read: {names}. Go back, mend them and send the form again.", names=names)
    return page(request, "error.html", 422, title=_("The form can't be read"), message=message, reference="")


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    """Ends a request whose sender left in the middle of it: nothing failed, and nobody reads an answer."""
    return Response(status_code=400)


def _render_unexpected_error(request: Request, error: Exception) -> Response:
    reference = secrets.token_hex(4)
    get_logger("web").error("a page failed", reference=reference, path=path_without_secrets(request), exc_info=error)
    message = _("Something went wrong on the desk. Nothing that you entered was saved in part.")
    return page(request, "error.html", 500, title=_("Something went wrong"), message=message, reference=reference)
