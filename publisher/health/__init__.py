"""Reports the health of the desk to people, to supervisors that restart processes, and to Prometheus."""

from publisher.health.heartbeat import (
    BEAT_SECONDS,
    HEARTBEAT_TIMEOUT,
    SCHEDULER,
    WEB,
    WORKER,
    Heartbeat,
    last_heartbeats,
    record_heartbeat,
)
from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.ready import OVERDUE_AFTER, Check, check_ready
from publisher.health.server import HealthServer

__all__ = [
    "BEAT_SECONDS",
    "CONTENT_TYPE",
    "HEARTBEAT_TIMEOUT",
    "OVERDUE_AFTER",
    "SCHEDULER",
    "WEB",
    "WORKER",
    "Check",
    "HealthServer",
    "Heartbeat",
    "check_ready",
    "last_heartbeats",
    "record_heartbeat",
    "render_metrics",
]
