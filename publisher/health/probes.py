"""Answers `/readyz` and `/metrics`, whichever server of the desk was asked.

Whether the desk can do its work may be known to anybody, because proxies and supervisors ask it. The
reasons and the metrics name channels and folders: whoever serves these answers decides who may read them.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.responses import PlainTextResponse, Response

from publisher.desk import Desk
from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.ready import check_ready, describe_readiness

NOT_STORED = {"Cache-Control": "no-store"}


def answer_ready(desk: Desk, *, with_reasons: bool) -> Response:
    """Answers 200 when the desk can do its work, else 503."""
    checks = check_ready(desk)
    ready = all(check.ok for check in checks)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    if not with_reasons:
        return PlainTextResponse("ok\n" if ready else "not ok\n", status, NOT_STORED)
    body = json.dumps(describe_readiness(desk.settings, checks), indent=2) + "\n"
    return Response(body, status, NOT_STORED, "application/json")


def answer_metrics(desk: Desk) -> Response:
    """Answers with the metrics for Prometheus."""
    return Response(render_metrics(desk), headers=NOT_STORED, media_type=CONTENT_TYPE)
