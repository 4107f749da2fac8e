"""`python -m publisher.sandbox`: the local platforms, until SIGINT or SIGTERM.

The first line on standard output is JSON: where the control port is. Everything else is asked
there. A person at a terminal is also told what to put into an outlet's configuration.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from publisher.sandbox.faults import Fault
from publisher.sandbox.stage import Ports, Stage
from publisher.stop_signal import StopSignal


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    stop = StopSignal()
    with tempfile.TemporaryDirectory(prefix="publisher-sandbox-") as folder:
        port = options.port
        ports = Ports(port, port + 1, port + 2, port + 3) if port else Ports()
        try:
            stage = Stage(Path(folder) / "ca.pem", ports)
        except OSError as error:
            sys.stderr.write(f"The sandbox can't listen on the ports from {port}: {error.strerror}.\n")
            return 1
        stage.start()
        for platform, fault, times in options.fault:
            stage.faults.add(platform, fault, times)
        sys.stdout.write(json.dumps({"control": stage.control.url, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        if sys.stdout.isatty():
            sys.stdout.write(guide(stage))
        stop.wait()
        stage.stop()
    return 0


def guide(stage: Stage) -> str:
    """What a person needs to rehearse with an outlet of their own: settings, secrets, pages."""
    lines = ["", f"See the posts at {stage.control.url} and stop with Ctrl-C.", "", "# config/publisher.toml"]
    for platform in stage.platforms:
        lines += [f"[channels.{platform.name}]", f'account = "{platform.account()}"']
        lines += [f'{key} = "{value}"' for key, value in stage.connection(platform.name).items()]
    lines += ["", "# the sandbox's own secrets"]
    for platform in stage.platforms:
        prefix = f"export PUBLISHER_{platform.name.upper()}_"
        lines += [f"{prefix}{name.upper()}={value}" for name, value in platform.credentials().items()]
    return "\n".join([*lines, "publisher connect instagram", "", ""])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="publisher sandbox", description="Local Tumblr, X and Instagram, on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="the control port; the platforms take the next ones")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=parse_fault,
        metavar="PLATFORM:FAULT[:SECONDS]:TIMES",
        help="a fault for the next publishing requests, such as tumblr:drop-after:1, or for other ones: x:read/429:1",
    )
    return parser


def parse_fault(text: str) -> tuple[str, Fault, int]:
    """`tumblr:drop-after:1` or `x:slow-after:2.5:3`."""
    parts = text.split(":")
    try:
        if len(parts) not in (3, 4) or parts[0] not in ("tumblr", "x", "instagram"):
            raise ValueError("write PLATFORM:FAULT:TIMES, such as tumblr:drop-after:1")
        return parts[0], Fault.parse(":".join(parts[1:-1])), int(parts[-1])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
