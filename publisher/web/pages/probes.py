"""Serves the probes beside the pages: `/healthz`, `/readyz` and `/metrics`.

The reasons and the metrics are only for people who may operate the desk, and for holders of the probe token. The
address of a request proves nothing, because a proxy on this machine passes on requests from anywhere. Prometheus reads
the address of the section `health` instead.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from publisher.core.messages import _
from publisher.health.probe_access import holds_probe_token
from publisher.health.probes import answer_metrics, answer_ready
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
    """Answers whether the desk can do its work; only insiders get the reasons."""
    return answer_ready(desk_of(request), with_reasons=_is_insider(request))


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Returns the metrics for Prometheus. For anybody else there is nothing here."""
    if not _is_insider(request):
        raise NotFound(_("The address is wrong, or what it showed is gone."))
    return answer_metrics(desk_of(request))


def _is_insider(request: Request) -> bool:
    if Permission.OPERATE in (request.state.permissions or ()):
        return True
    return holds_probe_token(request.headers.get("authorization", ""))
