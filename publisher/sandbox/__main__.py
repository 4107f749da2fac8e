"""Runs the simulated platforms until SIGINT or SIGTERM: `python -m publisher.sandbox`.

The first line on standard output is JSON with the address of the control port, which answers everything else.
At a terminal, the settings for an outlet's configuration follow.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from publisher.core.stop_signal import StopSignal
from publisher.sandbox.control import read_lag
from publisher.sandbox.discovery import sandbox_names
from publisher.sandbox.faults import Fault
from publisher.sandbox.ledger import ListingLag
from publisher.sandbox.servers import SandboxServers


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    stop = StopSignal()
    with tempfile.TemporaryDirectory(prefix="publisher-sandbox-") as folder:
        try:
            sandbox_servers = SandboxServers(Path(folder), options.port)
        except OSError as error:
            sys.stderr.write(f"The sandbox can't listen on the ports from {options.port}: {error.strerror}.\n")
            return 1
        sandbox_servers.start()
        for platform, fault, times in options.fault:
            sandbox_servers.faults.add(platform, fault, times)
        for platform, lag in options.lag:
            sandbox_servers.ledger.set_listing_lag(platform, lag)
        for platform, skew in options.skew:
            sandbox_servers.platform(platform).clock_skew = skew
        sys.stdout.write(json.dumps({"control": sandbox_servers.control.url, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        if sys.stdout.isatty():
            sys.stdout.write(describe_servers(sandbox_servers))
        stop.wait()
        sandbox_servers.stop()
    return 0


def describe_servers(sandbox_servers: SandboxServers) -> str:
    """Describes how to use the sandbox with an outlet: its settings, secrets and pages."""
    lines = ["", f"See the posts at {sandbox_servers.control.url} and stop with Ctrl-C.", "", "# config/publisher.toml"]
    for platform in sandbox_servers.platforms:
        lines += [f"[channels.{platform.name}]", f'account = "{platform.account()}"']
        lines += [f'{key} = "{value}"' for key, value in sandbox_servers.connection(platform.name).items()]
    lines += ["", "# the sandbox's own secrets"]
    for platform in sandbox_servers.platforms:
        prefix = f"export PUBLISHER_{platform.name.upper()}_"
        lines += [f"{prefix}{name.upper()}={value}" for name, value in platform.credentials().items()]
    lines += [f"publisher connect {platform.name}" for platform in sandbox_servers.platforms if platform.needs_login]
    return "\n".join([*lines, "", ""])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="publisher sandbox", description=f"Local platforms on loopback: {', '.join(sandbox_names())}."
    )
    parser.add_argument("--port", type=int, default=0, help="the control port; the platforms take the next ones")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=parse_fault,
        metavar="PLATFORM:FAULT[:SECONDS]:TIMES",
        help="a fault for the next publishing requests, such as drop-after, or for other ones, such as read/429",
    )
    parser.add_argument(
        "--lag",
        action="append",
        default=[],
        type=parse_lag,
        metavar="PLATFORM:SECONDS[-SECONDS]",
        help="how much later than it exists a post is listed, such as 840, or drawn for each post, such as 0-840",
    )
    parser.add_argument(
        "--skew",
        action="append",
        default=[],
        type=parse_skew,
        metavar="PLATFORM:SECONDS",
        help="by how much a platform's clock is ahead of this machine's, such as 90",
    )
    return parser


def parse_lag(text: str) -> tuple[str, ListingLag]:
    """Reads `PLATFORM:840` or `PLATFORM:0-840`."""
    platform, seconds = _split_platform(text)
    try:
        bounds = [float(bound) for bound in seconds.split("-")]
        return platform, read_lag(bounds if len(bounds) > 1 else bounds[0])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_skew(text: str) -> tuple[str, timedelta]:
    """Reads `PLATFORM:90` or `PLATFORM:-90`."""
    platform, seconds = _split_platform(text)
    try:
        return platform, timedelta(seconds=float(seconds))
    except ValueError:
        raise argparse.ArgumentTypeError("write PLATFORM:SECONDS, with a number of seconds such as 90") from None


def _split_platform(text: str) -> tuple[str, str]:
    platform, _, value = text.partition(":")
    if platform not in sandbox_names():
        raise argparse.ArgumentTypeError(f"the platform is one of {', '.join(sandbox_names())}")
    return platform, value


def parse_fault(text: str) -> tuple[str, Fault, int]:
    """Reads `PLATFORM:drop-after:1` or `PLATFORM:slow-after:2.5:3`."""
    parts = text.split(":")
    try:
        if len(parts) not in (3, 4) or parts[0] not in sandbox_names():
            raise ValueError("write PLATFORM:FAULT:TIMES, with a fault such as drop-after")
        return parts[0], Fault.parse(":".join(parts[1:-1])), int(parts[-1])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
