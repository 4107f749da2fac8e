"""Measures how soon a writer sees the editor, and what they typed in its previews: `python -m benchmarks.editor`.

`publisher web` is a process of its own, Chromium opens the page of a draft with ten pictures, each time with an empty
cache. The time to the preview is from a key until the previews of all channels show what it wrote.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.web import _build, _served, _ServedSite
from publisher.desk import Desk
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from publisher.web.guard import COOKIE
from tests.browser.conftest import installed_browser, open_browser
from tests.full_site import CHIEF
from tests.outlet import draw

PICTURES = 10
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
TYPED_UNTIL_SHOWN = """async (word) => {
  const body = document.querySelector('#body');
  const isShown = () => [...document.querySelectorAll('#previews [data-channel]')].every(
    (screen) => screen.textContent.includes(word));
  const started = performance.now();
  body.setRangeText(` ${word}`, 0, 0, 'end');
  body.dispatchEvent(new InputEvent('input', { bubbles: true }));
  while (!isShown()) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    program = installed_browser()
    if program is None:
        raise SystemExit("There is no Chromium on this machine; install the package chromium.")
    with tempfile.TemporaryDirectory() as folder:
        desk = _build(Path(folder), published=40, queued=20)
        post = _add_draft(desk, Path(folder))
        with _served(desk) as (url, _process), open_browser(program) as browser:
            site = _ServedSite(desk, url)
            token = site.session_token("admin", email=CHIEF)
            seconds = [_open_once(browser, url, token, f"/posts/{post}") for _run in range(arguments.repeat + 1)][1:]
        desk.database.close()
    print("| what | median | p95 | worst | load |\n| --- | --- | --- | --- | --- |")
    for label, measured in zip(
        ("first paint", "loaded, pictures too", "typed until shown"), zip(*seconds, strict=True), strict=True
    ):
        print(f"| {label} | {_spread(measured)} |")


def _add_draft(desk: Desk, folder: Path) -> int:
    """Adds a draft with ten pictures, whose thumbnails are made at the first look at it."""
    images = []
    for number in range(PICTURES):
        draw(folder / f"editor-{number}.png", seed=number, width=1600, height=1200)
        images.append(ImageDraft(file=folder / f"editor-{number}.png", alt_text=f"Picture {number + 1}"))
    draft = PostDraft(title="Ten pictures", body="Ten cells.", credit="Image by the bench", images=tuple(images))
    return add_post(desk.database, desk.store, draft, desk.now()).id


def _open_once(browser: Browser, url: str, token: str, path: str) -> tuple[float, float, float]:
    """Opens the page and types a word. Returns milliseconds."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 720})
    context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
    page = context.new_page()
    page.goto(path, wait_until="networkidle")
    loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    word = "w" + os.urandom(4).hex()
    measured = (page.evaluate(FIRST_PAINT), page.evaluate(loaded), page.evaluate(TYPED_UNTIL_SHOWN, word))
    context.close()
    return measured


def _spread(milliseconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(milliseconds, n=20, method="inclusive")
    values = (statistics.median(milliseconds), cuts[-1], max(milliseconds))
    return " | ".join([*(f"{value:.0f} ms" for value in values), f"{os.getloadavg()[0]:.1f}"])


if __name__ == "__main__":
    main()
