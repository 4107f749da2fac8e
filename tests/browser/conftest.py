"""Provides pages in the machine's own Chromium, and in its Firefox, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from publisher.web.guard import COOKIE
from tests.browser.firefox import installed_firefox, open_firefox
from tests.conftest import OpenOutlet
from tests.desk_site import Site, open_site
from tests.outlet import Outlet
from tests.waiting import SETUP_TIMEOUT
from tests.waiting import TIMEOUT as SECONDS

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


TIMEOUT = 1000 * SECONDS
"""Milliseconds: a wait that ends when something is so, however busy the machine."""
expect.set_options(timeout=TIMEOUT)


IN_BOTH_BROWSERS = pytest.mark.parametrize("browser_name", ["chromium", "firefox"], indirect=True)
"""Marks a test that runs in Firefox, too."""


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    program = installed_browser()
    if program is None:
        pytest.skip("there is no Chromium on this machine; install the package chromium")
    with launched(playwright, program) as opened:
        yield opened


@pytest.fixture(scope="session")
def firefox(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = installed_firefox()
    if program is None:
        pytest.skip("there is no Firefox on this machine; install the package firefox-esr")
    folder = tmp_path_factory.mktemp("firefox")
    opened = open_firefox(playwright, program, folder, timeout=1000 * SETUP_TIMEOUT)
    yield opened
    opened.close()


@pytest.fixture
def browser_name(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "chromium")


@pytest.fixture
def browser(request: pytest.FixtureRequest, browser_name: str) -> Browser:
    opened: Browser = request.getfixturevalue(browser_name)
    return opened


def installed_browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def open_browser(program: str) -> Iterator[Browser]:
    with sync_playwright() as started, launched(started, program) as opened:
        yield opened


@contextmanager
def launched(playwright: Playwright, program: str) -> Iterator[Browser]:
    # Chromium's own sandbox refuses to start for root, which CI often is.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    opened = playwright.chromium.launch(
        executable_path=program, args=[*ARGUMENTS, *sandbox], timeout=1000 * SETUP_TIMEOUT
    )
    yield opened
    opened.close()


@pytest.fixture
def site(open_outlet: OpenOutlet) -> Iterator[Site]:
    """Serves the pages of an outlet with a channel on each sandbox platform."""
    outlet: Outlet = open_outlet("instagram", "tumblr", "x")
    with open_site(outlet.desk) as opened:
        opened.outlet = outlet
        yield opened


OpenPage = Callable[..., Page]
LEFT_WHILE_LOADING = "dynamically imported module"
"""Browsers report it when a page is left before its scripts are there. A module that is missing fails its own tests."""


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """Opens pages of the desk: each call is a browser of its own, of somebody with these roles.

    A script's error or a refused script on any page fails the test at its end.
    """
    complaints: list[str] = []
    with ExitStack() as stack:

        def open_one(*roles: str, email: str = "", **options: Any) -> Page:
            context: BrowserContext = browser.new_context(base_url=site.url, **options)
            stack.callback(context.close)
            if roles:
                token = site.session_token(*roles, email=email)
                context.add_cookies([{"name": COOKIE, "value": token, "url": site.url, "httpOnly": True}])
            page = context.new_page()
            page.set_default_timeout(TIMEOUT)
            page.on("pageerror", lambda error: _complain(complaints, "error", str(error)))
            page.on("console", lambda message: _complain(complaints, message.type, message.text))
            return page

        yield open_one
    assert complaints == []


def _complain(complaints: list[str], kind: str, text: str) -> None:
    # A refused request is also told here; what a page makes of it, its own test says.
    if kind == "error" and "Failed to load resource" not in text and LEFT_WHILE_LOADING not in text:
        complaints.append(text)
