"""Takes screenshots of every page, and those of the README: `make screenshots`.

`python -m tests.browser.screenshots FOLDER README_FOLDER` writes the former and the latter.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyvips
from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Page as Tab

from publisher.core.logs import configure_logs
from publisher.web.guard import COOKIE
from tests.browser.conftest import installed_browser, open_browser
from tests.desk_site import Site, open_site
from tests.full_site import CHIEF, build_full_site
from tests.page_walk import Page, pages_of

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]
FACES: tuple[tuple[str, ViewportSize, Scheme], ...] = (
    ("light", WIDE, "light"),
    ("dark", WIDE, "dark"),
    ("phone", PHONE, "light"),
)
MAX_BYTES = 120_000
"""Of a picture in the README, whose page loads all of them."""
LOAD_ALL = """() => Promise.all([...document.images].map((each) => {
  each.loading = 'eager';
  return each.decode().catch(() => null);
}))"""


ALL_ARE_MADE = """() => [...document.images].every((each) => {
  each.loading = 'eager';
  return each.complete && !(each.naturalWidth === 33 && each.naturalHeight === 33);
})"""
PATIENCE_MS = 120_000


@dataclass(frozen=True, slots=True)
class ReadmeScreenshot:
    """Describes a screenshot of the README: the first screen of a page."""

    name: str
    path: str
    scheme: Scheme
    width: int
    height: int


README = (
    ReadmeScreenshot("what-followers-got", "/posts/1", "light", 1440, 1080),
    ReadmeScreenshot("today-at-a-glance", "/", "light", 1280, 960),
    ReadmeScreenshot("editor-with-previews", "/posts/12", "light", 1440, 1080),
    ReadmeScreenshot("calendar-of-a-month", "/calendar", "dark", 1280, 960),
)


def main(folder: Path, readme: Path) -> None:
    program = installed_browser()
    if program is None:
        raise SystemExit("There is no Chromium on this machine; install the package chromium.")
    prepare_folders(folder, readme)
    with tempfile.TemporaryDirectory() as home:
        desk = build_full_site(Path(home), fine=True)
        with open_site(desk) as site, open_browser(program) as browser:
            _take_all(browser, site, folder)
            for screenshot in README:
                _take_for_readme(browser, site, screenshot, readme)
        desk.database.close()
    print(f"Look at them in {folder} and {readme}.")  # noqa: T201 - what the command has to say


def prepare_folders(*folders: Path) -> None:
    """Makes the folders that pictures are written into, where they are not there yet."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)


def _take_all(browser: Browser, site: Site, folder: Path) -> None:
    pages = pages_of(site)
    for face, viewport, scheme in FACES:
        for is_public in (True, False):
            with _tab(browser, site, viewport, scheme, is_public=is_public) as tab:
                for page in (page for page in pages if page.is_public == is_public):
                    _open(tab, page.path)
                    tab.screenshot(path=folder / f"{_name(page)}-{face}.png", full_page=True)


def _take_for_readme(browser: Browser, site: Site, screenshot: ReadmeScreenshot, folder: Path) -> None:
    with _tab(browser, site, {"width": screenshot.width, "height": screenshot.height}, screenshot.scheme) as tab:
        _open(tab, screenshot.path)
        picture = pyvips.Image.new_from_buffer(tab.screenshot(), "").thumbnail_image(WIDE["width"])
        encodings = (
            picture.webpsave_buffer(Q=quality, effort=6, smart_subsample=True) for quality in range(80, 40, -5)
        )
        finest = next(image for image in encodings if len(image) < MAX_BYTES)
        (folder / f"{screenshot.name}.webp").write_bytes(finest)


@contextmanager
def _tab(
    browser: Browser, site: Site, viewport: ViewportSize, scheme: Scheme, *, is_public: bool = False
) -> Iterator[Tab]:
    context = browser.new_context(base_url=site.url, viewport=viewport, color_scheme=scheme)
    if not is_public:
        token = site.session_token("admin", email=CHIEF)
        context.add_cookies([{"name": COOKIE, "value": token, "url": site.url}])
    yield context.new_page()
    context.close()


def _open(tab: Tab, path: str) -> None:
    tab.goto(path, wait_until="load")
    tab.evaluate(LOAD_ALL)
    # A placeholder stands for a picture that is still being made.
    tab.wait_for_function(ALL_ARE_MADE, timeout=PATIENCE_MS)


def _name(page: Page) -> str:
    secretless = "/invitation" if page.path.startswith("/invitation/") else page.path
    return re.sub(r"[^a-z0-9]+", "-", secretless.lower()).strip("-") or "home"


if __name__ == "__main__":
    configure_logs(stream=sys.stderr)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
