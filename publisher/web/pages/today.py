"""What is out, what is next, and whatever needs a person."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from publisher.web.rendering import page

router = APIRouter()


@router.get("/")
def today(request: Request) -> HTMLResponse:
    return page(request, "today.html")
