"""Tests that a public post becomes a delivery's record: read first, compared, and never somebody else's."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from publisher.core.clock import FixedClock
from publisher.core.messages import Face, Reader, reading_as
from publisher.core.problems import recorded_problem
from publisher.core.states import State
from publisher.db.models import Delivery, Event
from publisher.db.problem_column import read_recorded
from publisher.db.session import Database
from publisher.delivery import act_results
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import Adoption, AdoptionRequest, adopt, read_adoption, record_adoption
from publisher.delivery.problem_codes import ActProblem
from publisher.lifecycle import Move, move
from publisher.platforms.errors import Unavailable
from publisher.platforms.instagram.links import code_of
from tests.conftest import OpenOutlet
from tests.fakes import BlindAdapter, FakeAdapter, FakeChannels, FakePlatform, add_delivery, fake_profile, the_delivery
from tests.outlet import PLATFORMS, Outlet

FORMS = {
    "x": ("{id}", "https://x.com/{account}/status/{id}/photo/1?s=20", "https://mobile.twitter.com/i/web/status/{id}"),
    "tumblr": (
        "{id}",
        "https://{account}.tumblr.com/post/{id}/any-slug#notes",
        "https://www.tumblr.com/blog/{account}/{id}/any-slug",
    ),
    "instagram": ("{id}_12", "https://www.instagram.com/p/{code}/?igsh=abc", "https://m.instagram.com/reel/{code}"),
}
LINK = "https://fake.example/77"


# On the sandbox.


def publish_and_forget(outlet: Outlet, platform: str, title: str = "A quiet cell") -> tuple[int, str]:
    """Returns a delivery that waits for a person although its post is public, and that post's id."""
    outlet.add_post(title)
    outlet.pick()
    outlet.run_until_idle()
    row = outlet.deliveries()[platform]
    with outlet.desk.database.writing() as session:
        nothing = {"remote_id": None, "remote_url": None, "published_at": None, "verify_at": None}
        session.execute(update(Delivery).where(Delivery.id == row.id).values(state=State.HELD, **nothing))
    return row.id, str(row.remote_id)


def adopt_on(outlet: Outlet, delivery: int, link: str, *, unread: bool = False) -> Adoption:
    desk = outlet.desk
    request = AdoptionRequest(delivery, link, unread=unread)
    return adopt(desk.database, desk.channels, request, now=desk.now(), actor="me")


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_post_is_adopted_by_any_form_of_its_link(open_outlet: OpenOutlet, platform: str, number: int) -> None:
    outlet = open_outlet(platform)
    delivery, post = publish_and_forget(outlet, platform)
    account = outlet.desk.channels.account(platform).removeprefix("@")
    link = FORMS[platform][number].format(id=post, account=account, code=code_of(post))
    adoption = adopt_on(outlet, delivery, link)
    assert (adoption.was_read, adoption.differences) == (True, ())
    row = outlet.deliveries()[platform]
    assert (row.state, row.remote_id) == ("published", post)
    assert outlet.desk.channels.adapter(platform).post_id_of(str(row.remote_url), account) == post
    outlet.run_until_idle()
    assert len(outlet.copies(platform)) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_post_that_the_platform_does_not_have_is_refused(open_outlet: OpenOutlet, platform: str) -> None:
    outlet = open_outlet(platform)
    delivery, post = publish_and_forget(outlet, platform)
    with pytest.raises(ActRefused) as refused:
        adopt_on(outlet, delivery, str(int(post) + 5))
    assert refused.value.reason == ActProblem.NO_SUCH_POST
    assert outlet.deliveries()[platform].state == "held"
    assert not adopt_on(outlet, delivery, str(int(post) + 5), unread=True).was_read


@pytest.mark.parametrize(("platform", "key"), [("x", "author_id"), ("instagram", "user")])
@pytest.mark.parametrize("unread", [False, True])
def test_a_post_of_another_account_is_refused_when_it_is_read(
    open_outlet: OpenOutlet, platform: str, key: str, unread: bool
) -> None:
    """Its link names no account, so that only the reading shows whose it is."""
    outlet = open_outlet(platform)
    delivery, post = publish_and_forget(outlet, platform)
    detail = outlet.copies(platform)[-1].detail
    refusal = detail["tweet"] if platform == "x" else detail
    refusal[key] = "99" if platform == "x" else {"pk": 99, "username": "somebody"}
    with pytest.raises(ActRefused) as refused:
        adopt_on(outlet, delivery, post, unread=unread)
    assert refused.value.reason == ActProblem.OTHER_ACCOUNT


@pytest.mark.parametrize("platform", PLATFORMS)
def test_differences_of_an_adopted_post_are_reported(open_outlet: OpenOutlet, platform: str) -> None:
    outlet = open_outlet(platform)
    _, other = publish_and_forget(outlet, platform)
    with outlet.desk.database.writing() as session:
        session.execute(update(Delivery).values(adapted=_changed(outlet, platform)))
    delivery = outlet.deliveries()[platform].id
    adoption = adopt_on(outlet, delivery, other)
    assert len(adoption.differences) == 2
    assert str(adoption.differences[0]).startswith("the alt text of picture 1 differs: sent was “Another picture”")
    assert str(adoption.differences[1]).startswith("the text differs: sent was “Another text”, shown is “")
    assert "It is not what was to be sent: the alt text" in str(act_results.describe_adoption(adoption))
    with outlet.desk.database.reading() as session:
        event = session.scalars(select(Event).where(Event.name == "post adopted")).one()
    assert "Another text" in str(read_recorded(event.detail["problem"]))


def _changed(outlet: Outlet, platform: str) -> dict[str, object]:
    adapted = dict(outlet.deliveries()[platform].adapted)
    images = [{**image, "alt_text": "Another picture"} for image in adapted["images"]]
    return {**adapted, "caption": "Another text", "blocks": [], "images": images}


def test_one_post_is_not_the_record_of_two_deliveries(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    first = outlet.deliveries()["tumblr"]
    second = add_delivery(outlet.desk.database, outlet.desk.now(), channel="tumblr", day_offset=3)
    with pytest.raises(ActRefused) as refused:
        adopt_on(outlet, second, str(first.remote_url))
    assert refused.value.reason == ActProblem.OTHER_DELIVERY
    assert f"the record of delivery {first.id} already" in str(refused.value)


# Without a platform.


class Bench:
    def __init__(self, database: Database, clock: FixedClock, adapter: type[FakeAdapter] = FakeAdapter) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform()
        self.channels = FakeChannels(self.platform, fake_profile(), adapter)
        self.delivery = add_delivery(database, clock.now())

    def adopt(self, link: str = LINK, *, unread: bool = False, seen: str = "") -> Adoption:
        request = AdoptionRequest(self.delivery, link, unread=unread, seen=seen)
        return adopt(self.database, self.channels, request, now=self.clock.now(), actor="me")

    def refusal(self, link: str = LINK, *, unread: bool = False, seen: str = "") -> ActRefused:
        before = the_delivery(self.database, self.delivery).state
        with pytest.raises(ActRefused) as refused:
            self.adopt(link, unread=unread, seen=seen)
        assert the_delivery(self.database, self.delivery).state == before
        return refused.value


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("look here", ActProblem.NOT_A_LINK),
        ("javascript:alert(1)", ActProblem.NOT_A_LINK),
        ("https://evil.example/77", ActProblem.OTHER_PLATFORM),
        ("https://fake.example@evil.example/77", ActProblem.NOT_A_LINK),
        ("https://fake.example/", ActProblem.NOT_A_POST),
        ("https://fake.example/other-77", ActProblem.OTHER_ACCOUNT),
    ],
)
def test_a_link_to_anything_else_is_refused_and_nobody_is_asked(bench: Bench, link: str, reason: ActProblem) -> None:
    bench.platform.on_read = [AssertionError("asked")]
    assert bench.refusal(link, unread=True).reason == reason


def test_an_unreadable_post_is_adopted_only_by_somebody_who_sees_it(bench: Bench) -> None:
    bench.platform.on_read = [
        Unavailable(recorded_problem("Fake was not reached")),
        Unavailable(recorded_problem("Fake was not reached")),
    ]
    refused = bench.refusal()
    assert refused.reason == ActProblem.NOT_READ
    assert str(refused) == (
        "Nothing was adopted, because Fake could not be asked for the post just now. "
        "Try again later; or, if you see the post yourself, repeat this with --unread."
    )
    adoption = bench.adopt(unread=True)
    row = the_delivery(bench.database, bench.delivery)
    assert (row.state, row.remote_id, row.verify_at) == ("published", "id-77", bench.clock.now())
    assert "could not be read" in str(act_results.describe_adoption(adoption))
    with bench.database.reading() as session:
        event = session.scalars(select(Event).where(Event.name == "post adopted")).one()
    assert (event.detail["was_read"], event.actor) == (False, "me")


def test_a_platform_that_shows_no_posts_needs_somebody_who_sees_it(database: Database, clock: FixedClock) -> None:
    class Closed(BlindAdapter):
        read_publication = None  # type: ignore[assignment]

    bench = Bench(database, clock, Closed)
    assert bench.refusal().reason == ActProblem.NOT_READ
    assert not bench.adopt(unread=True).was_read


@pytest.mark.parametrize("unread", [False, True])
def test_a_post_that_followers_do_not_see_is_refused(bench: Bench, unread: bool) -> None:
    bench.platform.shown_fields = {"visible": False, "state": "private"}
    refused = bench.refusal(unread=unread)
    assert refused.reason == ActProblem.NOT_VISIBLE
    assert "it is private on Fake" in str(refused)


def test_what_changes_while_the_post_is_read_wins(bench: Bench) -> None:
    adoption = read_adoption(bench.database, bench.channels, AdoptionRequest(bench.delivery, LINK))
    with bench.database.writing() as session:
        move(
            session, bench.delivery, Move(State.PENDING, State.PREPARING, raise_fence=True), fence=0,
            now=bench.clock.now(), lease_owner="w", lease_until=bench.clock.now(),
        )  # fmt: skip
    with pytest.raises(ActRefused) as refused:
        record_adoption(bench.database, adoption, now=bench.clock.now(), actor="me")
    assert refused.value.reason == ActProblem.CHANGED_MEANWHILE
    assert bench.refusal().reason == ActProblem.BEING_SENT
    assert bench.refusal(seen="pending.0").reason == ActProblem.CHANGED_MEANWHILE


@pytest.mark.parametrize("face", list(Face))
@pytest.mark.parametrize("reason", list(ActProblem))
def test_every_refusal_is_a_sentence_for_every_face(reason: ActProblem, face: Face) -> None:
    names = (
        "delivery", "channel", "state", "post", "platform", "link", "example", "account", "url", "why", "other",
    )  # fmt: skip
    with reading_as(Reader(face=face)):
        sentence = str(ActRefused(reason, **dict.fromkeys(names, "It")))
    assert sentence.lstrip("“")[0].isupper()
    assert "{" not in sentence
    assert ("publisher " in sentence or "--" in sentence) is False or face == Face.COMMAND
