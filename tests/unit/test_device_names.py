"""Tests that browsers and devices are named as people name them."""

from __future__ import annotations

import pytest

from publisher.web.device_names import name_device

AGENTS = [
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
        "Chrome on Windows",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 "
        "Edg/130.0",
        "Edge on Windows",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
        "Mobile/15E148 Safari/604.1",
        "Safari on iPhone",
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile "
        "Safari/537.36",
        "Chrome on Android",
    ),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "Safari on Mac"),
    ("python-requests/2.32", "a program"),
    ("", "a browser"),
    ("<script>alert(1)</script>", "a program"),
]


@pytest.mark.parametrize(("agent", "name"), AGENTS, ids=[name for _agent, name in AGENTS])
def test_a_device_has_the_name_that_people_use(agent: str, name: str) -> None:
    assert str(name_device(agent)) == name
