"""Tests that a signal to stop is noted whenever it comes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.waiting import TIMEOUT

AT_EVERY_INSTRUCTION = """
import faulthandler, itertools, signal, sys
from publisher.core.stop_signal import StopSignal

faulthandler.dump_traceback_later(float(sys.argv[1]), exit=True)
often = int(sys.argv[2])


def interrupted(number):
    "Waits; the signal comes before instruction `number` of the wait. Whether it came so early."
    stop = StopSignal()
    instructions = itertools.count()

    def trace(frame, event, _argument):
        frame.f_trace_opcodes = True
        if event == "opcode" and next(instructions) == number:
            sys.settrace(None)
            for _ in range(often):
                signal.raise_signal(signal.SIGTERM)
        return trace

    sys.settrace(trace)
    stop.wait(0.05)
    sys.settrace(None)
    came = next(instructions) > number
    assert stop.is_set() == came
    assert not came or stop.wait()
    return came


number = 0
while interrupted(number):
    number += 1
print(number)
"""


@pytest.mark.parametrize("often", [1, 2])
def test_a_signal_is_noted_at_whatever_instruction_of_the_wait_it_comes(often: int) -> None:
    """With an Event in place of it, the process waits for itself: it never ends."""
    command = [sys.executable, "-c", AT_EVERY_INSTRUCTION, str(TIMEOUT), str(often)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 10


WAITING = """
from publisher.core.stop_signal import StopSignal
stop = StopSignal()
print("waits", flush=True)
print(stop.wait(), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_waits_is_woken(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        # In a burst, as from a service manager and a person at once.
        for _ in range(20):
            process.send_signal(number)
        assert process.stdout.readline() == "True\n"


TAKEN_BY_ANOTHER_THREAD = """
import signal, threading
from publisher.core.stop_signal import StopSignal
stop = StopSignal()
thread = threading.Thread(target=lambda: input() or signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
thread.start()
print("waits", flush=True)
print(stop.wait(), flush=True)
"""


def test_a_signal_that_another_thread_takes_wakes_the_main_thread() -> None:
    """The system may hand a signal to any thread; a main thread that waits for a queue is not woken by it."""
    command = [sys.executable, "-c", TAKEN_BY_ANOTHER_THREAD]
    result = subprocess.run(command, input="\n", capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert result.stdout == "waits\nTrue\n"
