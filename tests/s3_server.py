"""Runs S3-compatible storage in a process of its own, with a connection to it that can be cut."""

from __future__ import annotations

import json
import math
import re
import selectors
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
import requests
from mypy_boto3_s3.client import S3Client

from publisher.settings.buckets import Bucket
from tests.waiting import SETUP_TIMEOUT, TIMEOUT

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
KEYS = {"PUBLISHER_S3_ACCESS_KEY": ACCESS_KEY, "PUBLISHER_S3_SECRET_KEY": SECRET_KEY}


class S3Server:
    """Runs a server on loopback that keeps its objects in memory."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "s3.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stdout=log, stderr=log
            )
        try:
            self.endpoint = self._wait()
        except BaseException:
            self.stop()
            raise
        self.client: S3Client = boto3.Session(ACCESS_KEY, SECRET_KEY).client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1"
        )

    def _wait(self) -> str:
        end = time.monotonic() + SETUP_TIMEOUT
        while time.monotonic() < end and self._process.poll() is None:
            if match := re.search(r"Running on (http://127\.0\.0\.1:\d+)", self._log.read_text()):
                return match[1]
            time.sleep(0.05)
        raise AssertionError(f"the storage did not start: {self._log.read_text()}")

    def bucket(self) -> Bucket:
        """Creates an empty bucket."""
        name = f"media-{uuid.uuid4().hex}"
        self.client.create_bucket(Bucket=name)
        return Bucket(name, "desk/media", self.endpoint)

    def keys(self, bucket: Bucket) -> list[str]:
        listing = self.client.list_objects_v2(Bucket=bucket.name)
        return [entry["Key"] for entry in listing.get("Contents", ())]

    def user(self, *actions: str) -> dict[str, str]:
        """Creates a user who may do this and nothing else, and returns its keys as environment variables."""
        name = uuid.uuid4().hex
        iam = boto3.Session(ACCESS_KEY, SECRET_KEY).client("iam", endpoint_url=self.endpoint, region_name="us-east-1")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="media", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return dict(zip(KEYS, (key["AccessKeyId"], key["SecretAccessKey"]), strict=True))

    @contextmanager
    def asking_who(self) -> Iterator[None]:
        """Has the server check signatures and permissions inside the block, as a real one does."""
        self._ask_after(0)
        try:
            yield
        finally:
            self._ask_after(math.inf)

    def _ask_after(self, requests_done: float) -> None:
        url = f"{self.endpoint}/moto-api/reset-auth"
        requests.post(url, data=str(requests_done), timeout=TIMEOUT).raise_for_status()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(TIMEOUT)


class Wire:
    """Forwards connections to a server until it is cut: then each one ends without an answer."""

    def __init__(self, endpoint: str) -> None:
        self._target = urlsplit(endpoint)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._cut = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(TIMEOUT)

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(near,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, near: socket.socket) -> None:
        # Either side may hang up at any moment.
        with near, suppress(OSError):
            if self._cut.is_set():
                return
            there = (str(self._target.hostname), self._target.port or 80)
            with socket.create_connection(there) as far, selectors.DefaultSelector() as readable:
                other = {near: far, far: near}
                for side in other:
                    readable.register(side, selectors.EVENT_READ)
                while not self._cut.is_set():
                    for key, _ in readable.select(0.05):
                        ready: Any = key.fileobj
                        content = ready.recv(1 << 16)
                        if not content or self._cut.is_set():
                            return
                        other[ready].sendall(content)
