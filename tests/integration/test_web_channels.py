"""Tests that the channels page shows states, pauses, examines, rehearses and connects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select, update

from publisher.core.clock import SystemClock
from publisher.core.states import State
from publisher.db.models import Event
from publisher.db.operations import Channel, Quota
from publisher.db.staff import WebSession
from publisher.delivery import operate, overview
from publisher.lifecycle import Move, move
from publisher.sandbox.instagram.login import totp_code
from publisher.sandbox.instagram.service import Sandbox as InstagramSandbox
from publisher.sandbox.x.service import Sandbox as XSandbox
from publisher.web.pending_logins import LOGIN_LIFETIME
from tests.conftest import OpenOutlet
from tests.desk_site import Client, Site, open_site, text_of
from tests.fakes import add_delivery
from tests.waiting import TIMEOUT

NAMES = {"tumblr": "Tumblr", "x": "X"}
SECRETS = ("OAUTH_TOKEN", "OAUTH_TOKEN_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")


@pytest.fixture
def site(open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Serves an outlet whose Tumblr and X have an application each, and no log-in yet."""
    outlet = open_outlet("instagram", "tumblr", "x")
    for name in SECRETS:
        for channel in ("TUMBLR", "X"):
            monkeypatch.delenv(f"PUBLISHER_{channel}_{name}", raising=False)
    with open_site(outlet.desk) as opened:
        opened.outlet = outlet
        yield opened


def channel_row(site: Site, name: str) -> Channel:
    with site.desk.database.reading() as session:
        return session.get_one(Channel, name)


def card(page: str, name: str) -> str:
    """Returns the text of one channel's card."""
    match = re.search(rf'<section[^>]*channel-{name}".*?</section>', page, re.DOTALL)
    assert match is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", match[0])).split())


def begin(client: Client, channel: str) -> str:
    """Begins to connect, and return the address of the platform's page."""
    page = client.send_form(f"/channels/{channel}/connect")
    link = re.search(r'<a class="button main" href="([^"]+)"', page.text)
    assert link is not None, text_of(page)
    return unescape(link[1])


def allow(address: str, *, deny: bool = False) -> str:
    """Presses the button on the platform's page, and return where it sends the browser."""
    page = requests.get(address, timeout=TIMEOUT).text
    form = {
        unescape(name): unescape(value)
        for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', page)
    }
    form |= {"deny": "", "answer": "deny"} if deny else {"answer": "allow"}
    answer = requests.post(address.partition("?")[0], data=form, timeout=TIMEOUT, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def use_code_flow(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the channel of X an OAuth 2 app in place of its keys."""
    accounts = site.outlet.sandbox(XSandbox).accounts
    for name in ("CONSUMER_KEY", "CONSUMER_SECRET"):
        monkeypatch.delenv(f"PUBLISHER_X_{name}")
    monkeypatch.setenv("PUBLISHER_X_CLIENT_ID", accounts.client_id)
    monkeypatch.setenv("PUBLISHER_X_CLIENT_SECRET", accounts.client_secret)


def test_the_page_shows_all_facts_of_a_channel(site: Site) -> None:
    now = site.desk.now()
    published = add_delivery(site.desk.database, now, channel="instagram", title="A public cell")
    with site.desk.database.writing() as session:
        session.add(
            Quota(
                channel_name="instagram",
                name="posts, day",
                kind="posts",
                maximum=50,
                remaining=0,
                resets_at=now + timedelta(hours=3),
                seen_at=now,
            )
        )
        move(session, published, Move(State.PENDING, State.PUBLISHED), fence=0, now=now, remote_id="7",
             remote_url="https://www.instagram.com/p/7/", published_at=now)  # fmt: skip
    page = site.client("contributor").get("/channels").text
    text = card(page, "instagram")
    for part in ("waits until", "the quota “posts, day” is used up", "0 of 50", "picture.of.the.day", "A public cell"):
        assert part in text
    assert "on a sandbox" in text
    assert "https://www.instagram.com/p/7/" in page
    assert "use few" not in text
    assert "few posts a day" in text
    assert "about $0.00 in" in card(page, "x")
    assert "not connected" in card(page, "tumblr")
    assert "Connect it on the page Channels." in card(page, "tumblr")
    assert "publisher connect" not in card(page, "tumblr")
    assert "Resume" not in text
    assert "Connect" not in text


def test_a_clock_that_differs_stands_at_its_channel(site: Site) -> None:
    with site.desk.database.writing() as session:
        for name, ahead in (("x", -95.0), ("instagram", 4.0)):
            row = session.get_one(Channel, name)
            row.clock_ahead_seconds, row.clock_seen_at = ahead, site.desk.now()
    client = site.client("operator")
    page = client.get("/channels").text
    assert "the platform's is 95 s behind" in card(page, "x")
    assert "Clock" not in card(page, "instagram")
    assert "See the channels" in client.get("/").text


def test_a_person_pauses_with_a_reason_and_resumes_knowing_what_waits(site: Site) -> None:
    client = site.client("operator")
    waiting = add_delivery(site.desk.database, site.desk.now(), channel="instagram", title="A waiting cell")
    assert "Say why" in text_of(client.send_form("/channels/instagram/pause", {"reason": "  "}))
    assert channel_row(site, "instagram").paused_at is None
    client.send_form("/channels/instagram/pause", {"reason": "The <b>account</b> moves"})
    page = client.get("/channels").text
    text = card(page, "instagram")
    assert "by operator@example.org: The <b>account</b> moves" in text
    assert "<b>account" not in page
    assert "Goes on once it is resumed A waiting cell" in text
    assert f'href="/deliveries/{waiting}"' in page
    assert "is paused already" in text_of(client.send_form("/channels/instagram/pause", {"reason": "again"}))
    # A look at the credentials mends what the platform refused, never what a person decided.
    now = site.desk.now()
    assert not operate.resume_after_refusal(site.desk.database, "instagram", now=now, actor="doctor")
    assert channel_row(site, "instagram").paused_at is not None
    assert "Instagram publishes again" in text_of(client.send_form("/channels/instagram/resume"))
    row = channel_row(site, "instagram")
    assert (row.paused_at, row.pause_problem, row.paused_by) == (None, None, "")
    with site.desk.database.reading() as session:
        acts = session.execute(select(Event.name, Event.actor).where(Event.name.like("channel %")))
    assert [tuple(act) for act in acts] == [
        ("channel paused", "operator@example.org"),
        ("channel resumed", "operator@example.org"),
    ]


def test_a_long_list_says_what_it_leaves_out_and_leads_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MAX_LISTED", 2)
    client = site.client("operator")
    for number in range(3):
        delivery = add_delivery(
            site.desk.database, site.desk.now() - timedelta(days=number), channel="x", title=f"Cell {number}"
        )
        with site.desk.database.writing() as session:
            move(session, delivery, Move(State.PENDING, State.HELD), fence=0, now=site.desk.now())
    page = client.get("/channels").text
    assert "1 more is not listed here: all deliveries of the channel" in card(page, "x")
    assert 'href="/deliveries?channel=x"' in page
    assert "not listed here" not in card(page, "tumblr")


def test_who_may_only_read_changes_nothing(site: Site) -> None:
    client = site.client("editor")
    for act in ("pause", "resume", "examine", "rehearse", "connect", "connect/answer"):
        assert client.send_form(f"/channels/x/{act}").status_code == 403
    assert client.get("/channels/callback").status_code == 403
    assert site.client("operator").send_form("/channels/nothing/resume").status_code == 404


def test_a_channel_is_examined_at_its_platform(site: Site) -> None:
    client = site.client("operator")
    assert "Instagram works: it is logged in as picture.of.the.day" in text_of(
        client.send_form("/channels/instagram/examine")
    )
    refused = unescape(text_of(client.send_form("/channels/x/examine")))
    assert "X: The channel X has no access token; set PUBLISHER_X_ACCESS_TOKEN" in refused


def test_a_rehearsal_goes_to_a_sandbox_of_its_own(site: Site) -> None:
    client = site.client("operator")
    assert "No post is ready" in text_of(client.send_form("/channels/instagram/rehearse"))
    site.outlet.add_post("A rehearsed cell")
    page = client.send_form("/channels/instagram/rehearse")
    text = text_of(page)
    assert "A rehearsed cell , was published to a sandbox" in text
    assert "It rests, and so does the desk" in text
    assert "ALT Picture 1: a grey disc on black" in text
    assert "arrived byte for byte" in text
    digest = re.search(r'src="(/renditions/[0-9a-f]{64})"', page.text)
    assert digest is not None
    assert client.get_picture(digest[1]).headers["content-type"].startswith("image/")
    assert site.outlet.sandbox_servers.ledger.posts() == []
    assert site.outlet.deliveries() == {}
    with site.desk.database.reading() as session:
        assert list(session.scalars(select(Quota))) == []


def test_tumblr_is_connected_in_the_browser(site: Site) -> None:
    client = site.client("operator")
    back = allow(begin(client, "tumblr"))
    assert back.startswith(f"{site.url}/channels/callback?")
    assert "Tumblr is connected as" in text_of(client.get(back))
    assert site.desk.channels.open("tumblr").verify_credentials().name
    assert "publishing" in card(client.get("/channels").text, "tumblr")
    with site.desk.database.reading() as session:
        event = session.scalars(select(Event).where(Event.name == "channel connected")).one()
    assert (event.actor, event.detail["channel"]) == ("operator@example.org", "tumblr")


@pytest.mark.parametrize("oauth2", [False, True], ids=["OAuth 1", "OAuth 2"])
def test_x_is_connected_in_the_browser(site: Site, monkeypatch: pytest.MonkeyPatch, oauth2: bool) -> None:
    if oauth2:
        use_code_flow(site, monkeypatch)
    client = site.client("operator")
    assert "X is connected as daily_picture" in text_of(client.get(allow(begin(client, "x"))))
    assert site.desk.channels.open("x").verify_credentials().name == "daily_picture"


@pytest.mark.parametrize("channel", ["tumblr", "x", "x2"])
def test_a_platform_answer_counts_once_in_its_browser_for_ten_minutes(
    site: Site, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    if channel == "x2":
        use_code_flow(site, monkeypatch)
    name = channel.removesuffix("2")
    client, other, same_person = (
        site.client("operator"),
        site.client("operator", email="other@example.org"),
        site.client("operator"),
    )
    back = allow(begin(client, name))
    for stranger in (other, same_person):
        assert "in another browser" in text_of(stranger.get(back))
    assert site.client().get(back, allow_redirects=False).status_code == 303
    assert f"{NAMES[name]} is connected" in text_of(client.get(back))
    assert "in another browser, or is over" in text_of(client.get(back))

    late = allow(begin(client, name))
    site.outlet.clock.shift_to(site.desk.now() + LOGIN_LIFETIME + timedelta(seconds=1))
    assert "more than ten minutes ago" in text_of(client.get(late))


@pytest.mark.parametrize("channel", ["tumblr", "x", "x2"])
def test_an_answer_of_another_log_in_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch, channel: str) -> None:
    if channel == "x2":
        use_code_flow(site, monkeypatch)
    name = channel.removesuffix("2")
    client = site.client("operator")
    session = site.outlet.folder / "sessions" / f"{name}.json"
    foreign = allow(begin(client, name))
    begin(client, name)
    assert "log-in; begin again" in text_of(client.get(foreign)).replace("another log-in", "log-in")
    assert not session.exists()
    # What was refused is spent, too.
    assert "in another browser, or is over" in text_of(client.get(foreign))
    denied = text_of(client.get(allow(begin(client, name), deny=True)))
    assert "not allow" in denied
    assert not session.exists()


def test_another_account_is_refused(site: Site) -> None:
    client = site.client("operator")
    settings = site.desk.settings
    someone = settings.channels["x"].model_copy(update={"account": "someone_else"})
    site.desk.__dict__["settings"] = settings.model_copy(update={"channels": {**settings.channels, "x": someone}})
    site.desk.__dict__.pop("channels", None)
    text = unescape(text_of(client.get(allow(begin(client, "x")))))
    assert "X knows that browser as @daily_picture, but the channel X is @someone_else" in text
    assert "Log in to X as @someone_else first. Connect it on the page Channels." in text
    assert not (site.outlet.folder / "sessions" / "x.json").exists()


def test_what_is_kept_in_between_can_not_be_read_in_the_database(site: Site) -> None:
    client, other = site.client("operator"), site.client("operator", email="other@example.org")
    address = begin(client, "tumblr")
    token = parse_qs(urlsplit(address).query)["oauth_token"][0]
    with site.desk.database.reading() as session:
        (sealed,) = [row.connecting for row in session.scalars(select(WebSession)) if row.connecting]
    assert sealed.startswith("gAAAA")
    assert token not in sealed
    # Whoever can write to the database can't hand it on to a browser of theirs.
    with site.desk.database.writing() as session:
        session.execute(update(WebSession).values(connecting=sealed))
    assert "in another browser" in text_of(other.get(allow(address)))
    client.send_form("/logout")
    with site.desk.database.reading() as session:
        assert [row for row in session.scalars(select(WebSession)) if row.connecting] == []


def test_missing_keys_are_named_and_never_shown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "PUBLISHER_X_CONSUMER_SECRET"
    monkeypatch.setenv("PUBLISHER_X_CONSUMER_KEY", "the-key-itself")
    monkeypatch.delenv(secret)
    client = site.client("operator")
    page = client.get("/channels/x/connect")
    assert secret in page.text
    assert "the-key-itself" not in page.text
    assert "Begin</button>" not in page.text
    assert secret in text_of(client.send_form("/channels/x/connect"))


def test_the_platform_leads_back_to_where_people_have_the_desk(site: Site) -> None:
    settings = site.desk.settings
    notify = settings.notify.model_copy(update={"link": "https://desk.example/daily/"})
    site.desk.__dict__["settings"] = settings.model_copy(update={"notify": notify})
    client = site.client("operator")
    assert "https://desk.example/daily/channels/callback" in client.get("/channels/x/connect").text
    refused = client.send_form("/channels/x/connect")
    assert refused.status_code == 422
    assert "Open the desk at https://desk.example/daily to connect X" in text_of(refused)


def test_instagram_is_connected_by_steps_and_keeps_no_password(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = site.outlet.sandbox(InstagramSandbox).credentials()
    for name in secrets:
        monkeypatch.delenv(f"PUBLISHER_INSTAGRAM_{name.upper()}")
    session = site.outlet.folder / "sessions" / "instagram.json"
    session.unlink()
    client = site.client("operator")
    question = client.send_form("/channels/instagram/connect")
    assert 'type="password"' in question.text
    code_asked = client.send_form("/channels/instagram/connect/answer", {"password": secrets["password"]})
    assert 'autocomplete="one-time-code"' in code_asked.text
    assert secrets["password"] not in code_asked.text
    with site.desk.database.reading() as reading:
        sealed = [row.connecting for row in reading.scalars(select(WebSession)) if row.connecting]
    assert secrets["password"] not in str(sealed)
    # An authenticator goes by the true time, as the sandbox does, and not by the outlet's shifted clock.
    code = totp_code(secrets["totp_seed"], SystemClock().now().timestamp())
    assert "Instagram is connected" in text_of(
        client.send_form("/channels/instagram/connect/answer", {"code": f"{code[:3]} {code[3:]}"})
    )
    assert secrets["password"] not in session.read_text()
    assert "begin again" in text_of(client.send_form("/channels/instagram/connect/answer", {"code": code}))
    output = capsys.readouterr()
    assert secrets["password"] not in output.out + output.err


def test_a_code_that_instagram_sends_is_entered_in_the_browser(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.outlet.sandbox(InstagramSandbox).login, "sends_code", True)
    client = site.client("operator")
    question = client.send_form("/channels/instagram/connect")
    assert "Instagram has sent the account" in text_of(question)
    wrong = client.send_form("/channels/instagram/connect/answer", {"code": "no code"})
    assert "did not accept that code; begin again" in text_of(wrong)
    client.send_form("/channels/instagram/connect")
    code = site.outlet.sandbox(InstagramSandbox).login.sent_code
    assert "Instagram is connected as picture.of.the.day" in text_of(
        client.send_form("/channels/instagram/connect/answer", {"code": code})
    )
