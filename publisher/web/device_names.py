"""Names a browser and its device as people do, by what the browser says of itself."""

from __future__ import annotations

import re

from publisher.core.messages import Message, _

BROWSERS = (
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Vivaldi", r"Vivaldi/"),
    ("Chrome", r"(?:Headless)?Chrom(?:e|ium)/|CriOS/"),
    ("Safari", r"Version/[\d.]+ .*Safari/"),
)
"""The first that fits: others call themselves Chrome or Safari, too."""
DEVICES = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("Chromebook", r"CrOS"),
    ("Mac", r"Macintosh|Mac OS X"),
    ("Linux", r"Linux|X11"),
)


def name_device(user_agent: str) -> Message | str:
    """Returns a name such as "Firefox on Windows"; "a program" for what is no browser that we know."""
    browser = _first(BROWSERS, user_agent)
    device = _first(DEVICES, user_agent)
    if browser and device:
        return _("{browser} on {device}", browser=browser, device=device)
    if browser or device:
        return browser or device
    return _("a program") if user_agent else _("a browser")


def _first(patterns: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for name, pattern in patterns if re.search(pattern, user_agent)), "")
