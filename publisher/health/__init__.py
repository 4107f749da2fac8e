"""Reports the health of the desk to people, to supervisors that restart processes, and to Prometheus."""

from publisher.health.heartbeat import BEAT_SECONDS, SCHEDULER, SEEN_WITHIN, WEB, WORKER, Seen, beat, seen_processes
from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.ready import OVERDUE_AFTER, Check, check_ready
from publisher.health.server import HealthServer

__all__ = [
    "BEAT_SECONDS",
    "CONTENT_TYPE",
    "OVERDUE_AFTER",
    "SCHEDULER",
    "SEEN_WITHIN",
    "WEB",
    "WORKER",
    "Check",
    "HealthServer",
    "Seen",
    "beat",
    "check_ready",
    "render_metrics",
    "seen_processes",
]
