"""What a supervisor asks: `/healthz`, `/readyz` and `/metrics`.

Whether the process lives, and whether the desk can do its work, anybody may know: a proxy asks
it. Why it can't, and what is measured, names channels and folders, and is told only to people who
may operate the desk, and to whoever holds the token for probes. Where the request comes from does
not count: a proxy on this machine passes on what the world asks. Prometheus reads the address of
the section `health` instead, which needs no way through the pages.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.probe_access import holds_probe_token
from publisher.health.ready import check_ready
from publisher.staff.roles import Permission
from publisher.web.errors import NotFound
from publisher.web.rendering import desk_of

router = APIRouter()


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """The process lives."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """200 when the desk can do its work, else 503; the reasons only to whom they are meant for."""
    checks = check_ready(desk_of(request))
    ready = all(check.ok for check in checks)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    if not _is_insider(request):
        return PlainTextResponse("ok\n" if ready else "not ok\n", status)
    return JSONResponse({"ready": ready, "checks": [asdict(check) for check in checks]}, status)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """For Prometheus. To anybody else there is nothing here."""
    if not _is_insider(request):
        raise NotFound("The address is wrong, or what it showed is gone.")
    return Response(render_metrics(desk_of(request)), media_type=CONTENT_TYPE)


def _is_insider(request: Request) -> bool:
    if Permission.OPERATE in (request.state.permissions or ()):
        return True
    return holds_probe_token(request.headers.get("authorization", ""))
