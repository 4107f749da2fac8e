"""Whether each sandbox holds exactly one copy of what was meant, and whether the desk's pages tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import requests
from markupsafe import escape

from publisher.adapt.images.rendering import Renderer
from publisher.core.content import AdaptedPost
from publisher.db.models import Delivery

TIMEOUT_SECONDS = 20.0


def differences(deliveries: Sequence[Delivery], ledger: Sequence[dict[str, Any]], renderer: Renderer) -> list[str]:
    """What is not as it should be, one sentence each; empty when all is well."""
    if not deliveries:
        return ["nothing was picked for the day"]
    told = []
    for delivery in deliveries:
        if delivery.state != "published":
            told.append(f"{delivery.place} is {delivery.state}: {delivery.problem or 'not finished in time'}")
            continue
        sent = AdaptedPost.model_validate(delivery.adapted)
        copies = [
            post
            for post in ledger
            if post["platform"] == sent.platform and _words(post["caption"]) == _words(sent.caption)
        ]
        if len(copies) != 1:
            told.append(f"{delivery.place} holds {len(copies)} copies of “{sent.title}” instead of one")
        else:
            told += [f"{delivery.place}: {difference}" for difference in _compare(sent, copies[0], renderer)]
    return told


def page_difference(url: str, email: str, password: str, titles: Iterable[str]) -> str:
    """What is wrong when somebody logs in at the desk's pages and looks for posts on the first one; empty: nothing."""
    with requests.Session() as browser:
        browser.trust_env = False
        # A browser says so by itself: the form is the desk's own.
        browser.headers["Origin"] = url
        try:
            answer = browser.post(f"{url}/login", {"email": email, "password": password}, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return f"the desk's pages can't be reached: {error}"
    if answer.status_code != requests.codes.ok:
        return f"the desk's first page answers {answer.status_code} to {email}"
    missing = [title for title in titles if escape(title) not in answer.text]
    return f"the desk's first page does not show “{missing[0]}”" if missing else ""


def _compare(sent: AdaptedPost, shown: dict[str, Any], renderer: Renderer) -> list[str]:
    told = []
    meant = [renderer.render(image.spec).sha256 for image in sent.images]
    if meant != [image["sha256"] for image in shown["images"]]:
        told.append("the pictures are not those that were made for it")
    if [image.alt_text for image in sent.images] != [image["alt_text"] for image in shown["images"]]:
        told.append("the alt texts differ")
    return told


def _words(text: str) -> list[str]:
    """A caption without its line breaks, which each platform keeps in its own way."""
    return text.split()
