"""Renders the metrics that Prometheus reads at `/metrics`."""

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
from publisher.health.measures import read_metrics
from publisher.health.reading import DatabaseDown, read_database

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TIMEOUT_SECONDS = 5.0
"""Prometheus itself gives up after 10, unless it is told otherwise."""


def render_metrics(desk: Desk, *, timeout: float = TIMEOUT_SECONDS) -> bytes:
    """Renders all metrics in Prometheus' text format. `timeout`: seconds for the database.

    If the database does not answer, `publisher_database_up` is 0, and the metrics that are read
    from it are missing, because an unknown number is not 0.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_DeskCollector(desk, timeout))
    return generate_latest(registry)


class _DeskCollector(Collector):
    def __init__(self, desk: Desk, timeout: float) -> None:
        self._desk = desk
        self._timeout = timeout

    def describe(self) -> list[Metric]:
        """Returns nothing; otherwise the registry would read the database to find the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        desk = self._desk
        now = desk.now()

        def query(session: Session) -> list[Metric]:
            return list(read_metrics(session, desk.settings, now))

        started = monotonic()
        try:
            metrics = read_database(desk, query, self._timeout)
        except DatabaseDown:
            metrics = None
        yield InfoMetricFamily("publisher", "The version of publisher.", {"version": __version__})
        yield GaugeMetricFamily("publisher_database_up", "1 while the database answers.", int(metrics is not None))
        yield GaugeMetricFamily(
            "publisher_scrape_seconds", "How long reading the database took.", monotonic() - started
        )
        yield from metrics or ()
