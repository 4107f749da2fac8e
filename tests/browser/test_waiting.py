"""Tests that the placeholder of a slow picture is replaced, whatever happens to the server meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from publisher.web.guard import COOKIE
from publisher.web.pages.pictures import PLACEHOLDER
from tests.browser.conftest import OpenPage
from tests.desk_site import HOST, Site
from tests.queue_desk import Desk

PICTURES = "**/pictures/**"
MADE = '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="120"><rect width="9" height="9" fill="#285"/></svg>'
Answer = Callable[[Route], None]


@pytest.fixture
def posts(site: Site) -> Desk:
    """Returns the helper that fills the empty queue."""
    desk = site.desk
    return Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]


def svg(content: str) -> Answer:
    return lambda route: route.fulfill(
        body=content, content_type="image/svg+xml", headers={"cache-control": "no-store"}
    )


def lose_answer(route: Route) -> None:
    """Ends the request without an answer, as a server does that is being restarted."""
    route.abort("connectionrefused")


def overloaded(route: Route) -> None:
    route.fulfill(status=503, body="Too much to do.")


def refused(route: Route) -> None:
    """Answers that the picture can't be rendered."""
    route.fulfill(status=404, body="This picture is not here.")


WAITS, IS_MADE = svg(PLACEHOLDER), svg(MADE)


def answer_in_turn(page: Page, *answers: Answer) -> dict[str, int]:
    """Has each picture answered so, one request after another; the last answer stays. Returns the requests of each."""
    requests: dict[str, int] = {}

    def answer(route: Route) -> None:
        address = route.request.url.partition("?")[0]
        number = requests[address] = requests.get(address, 0) + 1
        answers[min(number, len(answers)) - 1](route)

    page.route(PICTURES, answer)
    # Its clock is the test's: nobody waits for the pauses between two requests.
    page.clock.install()
    return requests


def natural_widths(page: Page) -> list[int]:
    widths: list[int] = page.locator(".queue img.thumb").evaluate_all(
        "images => images.map((image) => image.naturalWidth)"
    )
    return widths


def wait_for_widths(page: Page, *widths: int) -> None:
    for _ in range(200):
        if natural_widths(page) == [*widths]:
            return
        page.clock.run_for(1000)
    assert natural_widths(page) == [*widths]


@pytest.mark.parametrize("between", [[], [lose_answer], [lose_answer, overloaded, lose_answer], [overloaded]])
def test_a_slow_picture_comes_however_the_server_fares(
    site: Site, posts: Desk, open_page: OpenPage, between: list[Answer]
) -> None:
    posts.post("Alga", site.desk.now())
    page = open_page("editor")
    answer_in_turn(page, WAITS, *between, WAITS, IS_MADE)
    page.goto("/queue")
    wait_for_widths(page, 160)


def test_a_picture_that_cannot_be_rendered_is_marked_and_left_alone(
    site: Site, posts: Desk, open_page: OpenPage
) -> None:
    posts.posts(["Alga", "Bone"], site.desk.now())
    page = open_page("editor")
    requests = answer_in_turn(page, WAITS, refused)
    page.goto("/queue")
    for _ in range(100):
        page.clock.run_for(1000)
    expect(page.locator(".queue .thumb.none")).to_have_text(["no picture", "no picture"])
    assert max(requests.values()) < 12


def test_twenty_pictures_on_one_page_come_one_by_one(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.posts([f"Post {number}" for number in range(20)], site.desk.now())
    page = open_page("editor", viewport={"width": 390, "height": 4000})
    requests = answer_in_turn(page, WAITS, WAITS, WAITS, IS_MADE)
    page.goto("/queue")
    wait_for_widths(page, *[160] * 20)
    assert set(requests.values()) == {4}


def test_without_scripts_the_placeholder_stays_until_a_reload(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.post("Alga", site.desk.now())
    page = open_page("editor", java_script_enabled=False)
    page.route(PICTURES, WAITS)
    page.goto("/queue")
    expect(page.locator(".queue img.thumb")).to_be_visible()
    page.unroute(PICTURES)
    page.route(PICTURES, IS_MADE)
    with page.expect_request(PICTURES):
        page.reload()


def test_a_live_page_that_reloads_itself_leaves_a_message_to_the_person(site: Site, open_page: OpenPage) -> None:
    page = open_page("editor")
    page.goto("/")
    tab = site.client()
    tab.cookies.set(COOKIE, page.context.cookies()[0]["value"], domain=HOST)
    fields = {"title": "A quiet cell", "language": "en", "place": "queue", "then": "save"}
    # The change is what the live page in the other tab loads itself again after.
    with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
        led_to = tab.send_form("/posts", fields, allow_redirects=False).headers["Location"]
    assert "Saved." in tab.get(led_to).text
