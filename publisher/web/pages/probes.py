"""Answers the probes of a supervisor: `/healthz`, `/readyz` and `/metrics`.

Anybody may know whether the process lives and whether the desk can do its work, because a proxy asks it. The
reasons and the metrics name channels and folders: they are only for people who may operate the desk, and for
holders of the probe token. The address of a request proves nothing, because a proxy on this machine passes on
requests from anywhere. Prometheus reads the address of the section `health` instead.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from publisher.core.messages import _
from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.probe_access import holds_probe_token
from publisher.health.ready import check_ready, describe_readiness
from publisher.staff.roles import Permission
from publisher.web.errors import NotFound
from publisher.web.rendering import desk_of

router = APIRouter()


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """Answers that the process lives."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Answers 200 when the desk can do its work, else 503; only insiders get the reasons."""
    desk = desk_of(request)
    checks = check_ready(desk)
    ready = all(check.ok for check in checks)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    if not _is_insider(request):
        return PlainTextResponse("ok\n" if ready else "not ok\n", status)
    return JSONResponse(describe_readiness(desk.settings, checks), status)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Returns the metrics for Prometheus. For anybody else there is nothing here."""
    if not _is_insider(request):
        raise NotFound(_("The address is wrong, or what it showed is gone."))
    return Response(render_metrics(desk_of(request)), media_type=CONTENT_TYPE)


def _is_insider(request: Request) -> bool:
    if Permission.OPERATE in (request.state.permissions or ()):
        return True
    return holds_probe_token(request.headers.get("authorization", ""))
