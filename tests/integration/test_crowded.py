"""Tests that a desk whose port is flooded with idle connections goes on publishing, and its pages stay usable."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from publisher.delivery import operate
from tests.conftest import OpenOutlet
from tests.idle_crowd import idle_crowd
from tests.outlet import Outlet
from tests.post_box import open_post_box
from tests.waiting import TIMEOUT, wait_until

ROOT = Path(__file__).parents[2]
CROWD = 1100
MAX_LOG_BYTES = 100_000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run_with_few_files(outlet: Outlet, log: Path, **variables: str) -> subprocess.Popen[bytes]:
    """`publisher run` as a process that may open 1,024 files."""
    command = 'ulimit -n 1024 && exec "$0" -m publisher --config "$1" run --publish-today'
    with log.open("wb") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", command, sys.executable, str(outlet.config)],
            cwd=ROOT,
            stderr=output,
            env={**os.environ, **variables},
        )


def test_many_idle_connections_stop_neither_posts_nor_alerts_nor_pages(open_outlet: OpenOutlet, tmp_path: Path) -> None:
    outlet = open_outlet("tumblr")
    port, health_port = free_port(), free_port()
    with outlet.config.open("a", encoding="utf-8") as config:
        config.write(f"\n[web]\nport = {port}\n[health]\nport = {health_port}\n")
    log = tmp_path / "run.log"
    with open_post_box() as box:
        process = run_with_few_files(outlet, log, PUBLISHER_NOTIFY_URLS=box.apprise)
        try:
            wait_until(lambda: b'"ready"' in log.read_bytes(), "the desk runs")
            with idle_crowd(port, CROWD) as crowd, idle_crowd(health_port, 60):
                outlet.add_post()
                wait_until(lambda: len(outlet.copies("tumblr")) == 1, "the post is public")
                before = len(box.messages)
                operate.pause(outlet.desk.database, "tumblr", "a look at it", now=outlet.clock.now(), actor="test")
                wait_until(lambda: len(box.messages) > before, "an alert has left")
                page = requests.get(f"http://127.0.0.1:{port}/login", timeout=TIMEOUT)
                health = requests.get(f"http://127.0.0.1:{health_port}/healthz", timeout=TIMEOUT)
                assert crowd.opened >= CROWD
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(TIMEOUT)
    assert process.returncode == 0
    assert (page.status_code, health.status_code) == (200, 200)
    lines = log.read_bytes().splitlines()
    assert log.stat().st_size < MAX_LOG_BYTES, lines[:20]
    assert not [line for line in lines if b"out of system resource" in line]
    assert any(json.loads(line)["event"] == "published" for line in lines)
