"""Checks that each sandbox has exactly one copy of each post, and that the desk's pages show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import requests
from markupsafe import escape

from publisher.adapt.images.rendering import Renderer
from publisher.core.content import AdaptedPost
from publisher.core.messages import Message, _
from publisher.db.models import Delivery

TIMEOUT_SECONDS = 20.0


def differences(
    deliveries: Sequence[Delivery],
    ledger: Sequence[dict[str, Any]],
    renderer: Renderer,
    earlier: Mapping[str, int] | None = None,
) -> list[Message]:
    """Lists the differences between the deliveries and the platforms, a sentence each.

    `earlier`: how often each channel got this post on a former day, since the reserve repeats.
    """
    if not deliveries:
        return [_("nothing was picked for the day")]
    problems = []
    for delivery in deliveries:
        if delivery.state != "published":
            problems.append(
                _(
                    "{place} is {state}: {problem}",
                    place=delivery.place,
                    state=delivery.state,
                    problem=delivery.problem or _("not finished in time"),
                )
            )
            continue
        sent = AdaptedPost.model_validate(delivery.adapted)
        copies = [
            post
            for post in ledger
            if post["platform"] == sent.platform and _words(post["caption"]) == _words(sent.caption)
        ]
        expected = 1 + (earlier or {}).get(delivery.channel_name, 0)
        if len(copies) != expected:
            problems.append(
                _(
                    "copies of “{title}” on {place}: {number} instead of {expected}",
                    place=delivery.place,
                    number=len(copies),
                    expected=expected,
                    title=sent.title,
                )
            )
        else:
            problems += [
                _("{place}: {difference}", place=delivery.place, difference=difference)
                for difference in _content_differences(sent, copies[-1], renderer)
            ]
    return problems


def page_difference(url: str, email: str, password: str, titles: Iterable[str]) -> Message | None:
    """Logs in at the desk's pages and looks for titles on the first one. Returns what is wrong; None: nothing."""
    with requests.Session() as browser:
        browser.trust_env = False
        # A browser adds this header by itself.
        browser.headers["Origin"] = url
        try:
            answer = browser.post(f"{url}/login", {"email": email, "password": password}, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return _("the desk's pages can't be reached: {reason}", reason=error)
    if answer.status_code != requests.codes.ok:
        return _("the desk's first page answers {status} to {email}", status=answer.status_code, email=email)
    missing = [title for title in titles if escape(title) not in answer.text]
    return _("the desk's first page does not show “{title}”", title=missing[0]) if missing else None


def _content_differences(sent: AdaptedPost, shown: dict[str, Any], renderer: Renderer) -> list[Message]:
    problems = []
    hashes = [renderer.render(image.spec).sha256 for image in sent.images]
    if hashes != [image["sha256"] for image in shown["images"]]:
        problems.append(_("the pictures are not those that were made for it"))
    if [image.alt_text for image in sent.images] != [image["alt_text"] for image in shown["images"]]:
        problems.append(_("the alt texts differ"))
    return problems


def _words(text: str) -> list[str]:
    """Splits a caption into words, since each platform keeps line breaks in its own way."""
    return text.split()
