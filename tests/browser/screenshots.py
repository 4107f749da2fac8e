"""Pictures of every page, to be looked at: `python -m tests.browser.screenshots FOLDER`, or `make screenshots`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Literal

import pyvips
from playwright.sync_api import Browser, ViewportSize

from publisher.logs import configure_logs
from publisher.web.guard import COOKIE
from tests.browser.conftest import installed_browser, open_browser
from tests.desk_site import Site, open_site
from tests.full_site import CHIEF, build_full_site
from tests.page_walk import Page, pages_of

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
FACES: tuple[tuple[str, ViewportSize, Literal["light", "dark"]], ...] = (
    ("light", WIDE, "light"),
    ("dark", WIDE, "dark"),
    ("phone", PHONE, "light"),
)
LOAD_ALL = """() => Promise.all([...document.images].map((each) => {
  each.loading = 'eager';
  return each.decode().catch(() => null);
}))"""
README = {"today": "home-light", "queue": "queue-light", "editor": "posts-12-light", "calendar": "calendar-dark"}
"""What the README shows, by the name of its picture there: as WebP, cut to the first screen."""


def main(folder: Path) -> None:
    program = installed_browser()
    if program is None:
        raise SystemExit("There is no Chromium on this machine; install the package chromium.")
    (folder / "readme").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        desk = build_full_site(Path(home), fine=True)
        with open_site(desk) as site, open_browser(program) as browser:
            _take_all(browser, site, folder)
        desk.database.close()
    for name, source in README.items():
        _shrink(folder / f"{source}.png", folder / "readme" / f"{name}.webp")


def _take_all(browser: Browser, site: Site, folder: Path) -> None:
    pages = pages_of(site)
    cookie = {"name": COOKIE, "value": site.session_token("admin", email=CHIEF), "url": site.url}
    for face, viewport, scheme in FACES:
        context = browser.new_context(base_url=site.url, viewport=viewport, color_scheme=scheme)
        tab = context.new_page()
        for page in sorted(pages, key=lambda each: not each.is_public):
            if not page.is_public:
                context.add_cookies([cookie])  # type: ignore[list-item]
            tab.goto(page.path, wait_until="load")
            tab.evaluate(LOAD_ALL)
            tab.screenshot(path=folder / f"{_name(page)}-{face}.png", full_page=True)
        context.close()


def _name(page: Page) -> str:
    secretless = "/invitation" if page.path.startswith("/invitation/") else page.path
    return re.sub(r"[^a-z0-9]+", "-", secretless.lower()).strip("-") or "home"


def _shrink(source: Path, target: Path) -> None:
    shot = pyvips.Image.new_from_file(str(source))
    shot.crop(0, 0, shot.width, min(shot.height, WIDE["height"])).webpsave(str(target), Q=80)


if __name__ == "__main__":
    configure_logs(stream=sys.stderr)
    main(Path(sys.argv[1]))
