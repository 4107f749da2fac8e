"""Starts the sandbox as a process of its own and talks to its control port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import requests

from publisher.core.errors import UserError
from publisher.core.extras import Extra, require_extra
from publisher.core.messages import _

TIMEOUT_SECONDS = 30.0


class SandboxFailed(UserError):
    """The sandbox did not start, or did not answer; the message is one sentence."""

    code = "sandbox-failed"


class SandboxClient:
    """Talks to the control port of a running sandbox."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str) -> Any:
        return self._answer(self._session.get(self.url + path, timeout=TIMEOUT_SECONDS))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._answer(self._session.post(self.url + path, json=dict(body), timeout=TIMEOUT_SECONDS))

    def ledger(self) -> list[dict[str, Any]]:
        """Returns every post that a platform accepted, oldest first."""
        posts: list[dict[str, Any]] = self.get("/ledger")
        return posts

    def close(self) -> None:
        self._session.close()

    def _answer(self, response: requests.Response) -> Any:
        if response.status_code != 200:
            raise SandboxFailed(_("the sandbox refused: {answer}", answer=response.text[:200]))
        return response.json()


@contextmanager
def running_sandbox(*arguments: str, errors: IO[bytes] | None = None) -> Iterator[SandboxClient]:
    """Starts a sandbox that runs as long as the block. Its standard error goes to `errors`, where given.

    Raises:
        ExtraMissing: its server's packages are not installed.
        SandboxFailed: it did not start.
    """
    require_extra(Extra.SANDBOX)
    command = [sys.executable, "-m", "publisher.sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SandboxFailed(_("the sandbox did not start (exit status {status})", status=process.wait()))
            addresses = json.loads(line)
            client = SandboxClient(addresses["control"], addresses["pid"])
            try:
                yield client
            finally:
                client.close()
        finally:
            process.terminate()
