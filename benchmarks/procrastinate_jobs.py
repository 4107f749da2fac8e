"""Defines empty jobs for Procrastinate, on the database that `JOBS_DATABASE` names."""

from __future__ import annotations

import os

import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ.get("JOBS_DATABASE", "")))


@app.task(name="nothing")
def nothing() -> None:
    """Does nothing, so that only the engine is measured."""
