"""Publishing and finding a post that has a draft."""

from __future__ import annotations

from datetime import timedelta

from publisher.core.content import Absence, Preparation, Publication, TextBlock
from publisher.platforms.profiles import load_profile
from tests.contract.platforms.tumblr import KEY, POST, Driver, long_ago

LAG = timedelta(seconds=load_profile("tumblr").publishing.listing_lag_seconds)
OTHER = POST.model_copy(update={"blocks": (TextBlock(text="Another text"),)})
OTHER_KEY = "ffffffffffff-another-cell"


def find(desk: Driver, preparation: Preparation) -> Publication | Absence:
    return desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago(), preparation=preparation)


def publish(desk: Driver, preparation: Preparation, *, count: int = 1) -> Publication:
    """With an adapter that did not prepare it, as after a restart."""
    adapter = desk.adapter()
    return adapter.publish(POST, desk.upload(adapter, count), idempotency_key=KEY, preparation=preparation)
