"""Keeps warm processes that render pictures, and talks to them."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publisher.core.clock import monotonic

MAX_IDLE = 2
"""So many are kept for later."""
IDLE_SECONDS = 20.0
"""So long one waits for the next request; then it ends by itself."""


class ProcessEnded(Exception):
    """The warm process ended before it answered."""

    def __init__(self, returncode: int) -> None:
        super().__init__(returncode)
        self.returncode = returncode


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds what the process of one request left behind."""

    status: int
    """Its exit code; negative: the signal that ended it."""
    output: str


class WarmProcess:
    """Runs a process that answers one request after the other, each in a child of its own."""

    def __init__(self, environment: dict[str, str], *, idle_seconds: float) -> None:
        self.environment = environment
        command = [sys.executable, "-m", "publisher.adapt.images.process.warm", str(idle_seconds)]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            # A group of its own: what is killed after a timeout includes the child that is busy.
            start_new_session=True,
        )
        self._requests: Any = self._process.stdin
        self._answers: Any = self._process.stdout
        # Without somebody who waits for it, a process that ended by itself would stay as a defunct one.
        threading.Thread(target=self._process.wait, name="warm-process-waiter", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, Any], *, scratch: Path, timeout_seconds: float) -> Answer:
        """Has one request answered.

        Raises:
            TimeoutError: there is no answer yet; end this process.
            ProcessEnded: it ended, and has been cleared away.
        """
        line = json.dumps({"scratch": str(scratch), "request": request}).encode() + b"\n"
        try:
            self._requests.write(line)
            self._requests.flush()
        except BrokenPipeError as error:
            raise ProcessEnded(self._clear_away()) from error
        content = self._read_line(monotonic() + timeout_seconds)
        if content is None:
            raise ProcessEnded(self._clear_away())
        return Answer(**json.loads(content))

    def _read_line(self, deadline: float) -> bytes | None:
        """Reads one line of its output; None: the output ended before."""
        output, content = self._answers.fileno(), b""
        # Not `select`: it takes no descriptor above 1023, and a desk with many connections has such.
        poll = select.poll()
        poll.register(output, select.POLLIN)
        while not content.endswith(b"\n"):
            if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
                raise TimeoutError
            part = os.read(output, 1 << 16)
            if not part:
                return None
            content += part
        return content

    def kill(self) -> None:
        """Kills it, together with the child that is busy."""
        with suppress(ProcessLookupError):  # It may just have ended by itself.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._clear_away()

    def close(self) -> None:
        """Ends it after its last answer."""
        self._requests.close()
        self._clear_away()

    def _clear_away(self) -> int:
        """Waits until it has ended, closes its pipes and returns its exit code."""
        returncode = self._process.wait()
        for pipe in (self._requests, self._answers):
            with suppress(BrokenPipeError):
                pipe.close()
        return returncode


class WarmProcesses:
    """Lends warm processes, each to one request at a time. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[WarmProcess] = []
        self._owner = os.getpid()

    def ask(
        self, request: dict[str, Any], environment: dict[str, str], *, scratch: Path, timeout_seconds: float
    ) -> Answer:
        """Has a request answered by an idle process, or by a new one.

        Raises:
            TimeoutError: it took too long, and was ended.
            ProcessEnded: a new process ended without an answer.
        """
        while True:
            process = self._take(environment)
            is_new = process is None
            process = process or self._start(environment)
            try:
                answer = process.ask(request, scratch=scratch, timeout_seconds=timeout_seconds)
            except ProcessEnded:
                # An idle one may end just when it is asked.
                if is_new:
                    raise
            except BaseException:
                # It may still be busy with this request, so it can answer no other.
                process.kill()
                raise
            else:
                self._give_back(process)
                return answer

    def close(self) -> None:
        """Ends the idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._owner == os.getpid():
            for process in idle:
                process.close()

    def _take(self, environment: dict[str, str]) -> WarmProcess | None:
        """Takes an idle process with this environment. Others, and those of the process that forked this one, go."""
        with self._lock:
            if self._owner != os.getpid():
                self._idle, self._owner = [], os.getpid()
            while self._idle:
                process = self._idle.pop()
                if process.environment == environment:
                    return process
                process.close()
        return None

    def _start(self, environment: dict[str, str]) -> WarmProcess:
        return WarmProcess(environment, idle_seconds=IDLE_SECONDS)

    def _give_back(self, process: WarmProcess) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(process)
                return
        process.close()


warm_processes = WarmProcesses()
atexit.register(warm_processes.close)
