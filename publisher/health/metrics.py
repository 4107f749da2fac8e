"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from publisher import __version__
from publisher.core.clock import monotonic
from publisher.desk import Desk
from publisher.health.measures import measure
from publisher.health.reading import DatabaseDown, read

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TIMEOUT_SECONDS = 5.0
"""Prometheus itself gives up after 10, unless it is told otherwise."""


def render_metrics(desk: Desk, *, patience: float = TIMEOUT_SECONDS) -> bytes:
    """Everything worth measuring, in Prometheus' text format.

    Without its database the desk tells less: `publisher_database_up` is 0 then, and what only
    the database knows is missing, because a number that is not known is not 0.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_DeskCollector(desk, patience))
    return generate_latest(registry)


class _DeskCollector(Collector):
    def __init__(self, desk: Desk, patience: float) -> None:
        self._desk = desk
        self._patience = patience

    def describe(self) -> list[Metric]:
        """Nothing ahead, or the registry would read the database to find the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        desk = self._desk
        now = desk.now()

        def question(session: Session) -> list[Metric]:
            return list(measure(session, desk.settings, now))

        asked = monotonic()
        try:
            found = read(desk, question, self._patience)
        except DatabaseDown:
            found = None
        yield InfoMetricFamily("publisher", "Which publisher this is.", {"version": __version__})
        yield GaugeMetricFamily("publisher_database_up", "1 while the database answers.", int(found is not None))
        yield GaugeMetricFamily("publisher_scrape_seconds", "How long reading took.", monotonic() - asked)
        yield from found or ()
