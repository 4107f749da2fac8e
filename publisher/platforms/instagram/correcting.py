"""Corrects the caption of a post on Instagram, which is all that instagrapi's edit of a post can change.

`Client.media_edit` sends the caption, the people who are tagged and the place, and knows no alt text
(https://subzeroid.github.io/instagrapi/usage-guide/media.html). The request replaces all three, so that the people and
the place are sent as Instagram shows them. It names the post's id, so that it can make no post.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from publisher.core.content import AdaptedPost
from publisher.core.messages import _
from publisher.platforms.abilities import CorrectionEnd
from publisher.platforms.errors import ContentRejected
from publisher.platforms.instagram.listing import pictures_of
from publisher.platforms.instagram.problem_codes import InstagramPostProblem
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.text_difference import is_same_text
from publisher.platforms.transport import SentRequest

PLATFORM = "Instagram"
CORRECTING = SentRequest(_("Correcting the post on Instagram"), publishing=True)
"""It makes no post; whether it was carried out is as unknown when its answer is lost."""
PLACE_FIELDS = ("name", "address", "lat", "lng")


def check_shown(item: Mapping[str, Any], text: str, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd | None:
    """Decides whether a post that shows this caption may be corrected. `SHOWN_ALREADY`: there is nothing to do.

    Raises:
        ContentRejected: somebody has changed it there, or has tagged people whom the correction would remove.
    """
    if is_same_text(after.caption, text):
        return CorrectionEnd.SHOWN_ALREADY
    if not is_same_text(before.caption, text) or len(pictures_of(item)) != len(before.images):
        raise ContentRejected(CorrectionProblem.CHANGED_THERE(platform=PLATFORM))
    children = item.get("carousel_media")
    if isinstance(children, list) and any(_tagged(child) for child in children):
        raise ContentRejected(InstagramPostProblem.PEOPLE_TAGGED())
    return None


def edit_fields(item: Mapping[str, Any], caption: str) -> dict[str, str]:
    """Returns the fields of the request, as `Client.media_edit` sends them."""
    tags = [{"user_id": tag["user"]["pk"], "position": tag["position"]} for tag in _tagged(item)]
    return {
        "caption_text": caption,
        "container_module": "edit_media_info",
        "feed_position": "0",
        "location": json.dumps(_place(item), separators=(",", ":")),
        "usertags": json.dumps({"in": tags}),
        "is_carousel_bumped_post": "false",
    }


def _tagged(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    tags = item.get("usertags")
    tagged = tags.get("in") if isinstance(tags, dict) else None
    return tagged if isinstance(tagged, list) else []


def _place(item: Mapping[str, Any]) -> dict[str, Any]:
    place = item.get("location")
    if not isinstance(place, dict):
        return {}
    return {
        **{name: place.get(name) for name in PLACE_FIELDS},
        "external_source": place.get("external_source") or place.get("external_id_source"),
        "facebook_places_id": place.get("facebook_places_id") or place.get("external_id"),
    }
