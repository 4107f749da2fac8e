"""Tests that people are told what is for them: on Today, by mail and chat, each once, and only what they want."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.alerts import personal_sender
from publisher.alerts.personal_addresses import MAIL_VARIABLE, addresses_of, chat_problem, mail_address
from publisher.alerts.personal_sender import MAX_AGE, PersonalSender
from publisher.collaboration.notifications import mark_read, set_ways
from publisher.collaboration.preview_links import add_remark, make_link
from publisher.core.clock import ShiftedClock
from publisher.core.encryption import KEY_VARIABLE
from publisher.db.session import Database
from publisher.db.staff import Notification, NotificationKind, Person
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from publisher.schedule.post_queue import PostQueue
from publisher.staff import accounts
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of
from tests.mail_server import MailBox, open_mail_box
from tests.outlet import draw

# One of Apprise's services brings a module along that later versions of Python don't have.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")

WRITER, EDITOR, OTHER = "writer@example.org", "editor@example.org", "other@example.org"
KEY = "bm90IGEgc2VjcmV0IGJ1dCAzMiBieXRlcyBsb25nISE="


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def mail_box(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailBox]:
    with open_mail_box() as box:
        monkeypatch.setenv(MAIL_VARIABLE, box.url)
        yield box


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PUBLISHER__NOTIFY__LINK", "https://desk.example.org")
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with open_starter_site(write_desk(tmp_path / "desk"), clock) as opened:
        for email, role in ((WRITER, "contributor"), (EDITOR, "editor"), (OTHER, "contributor")):
            opened.person(role, email=email)
        yield opened


@pytest.fixture
def post(site: Site) -> int:
    file = site.desk.config.parent / "disc.png"
    draw(file)
    image = ImageDraft(file=file, alt_text="A disc on black ground")
    draft = PostDraft(title="A quiet cell", credit="Dr Roca", images=(image,))
    return add_post(site.desk.database, site.desk.store, draft, site.desk.now(), WRITER).id


def told(database: Database, email: str) -> list[str]:
    """Lists the kinds of what somebody was notified of, in order."""
    query = select(Notification.kind).join(Person, Person.id == Notification.person_id).where(Person.email == email)
    with database.reading() as session:
        return list(session.scalars(query.order_by(Notification.id)))


def choose(site: Site, email: str, ways: Sequence[str]) -> int:
    """Lets somebody be notified of everything on these ways; returns their id."""
    person = site.person("editor", email=email)
    with site.desk.database.writing() as session:
        set_ways(session, person, {kind: ways for kind in NotificationKind})
    return person


def queue(site: Site, actor: str) -> PostQueue:
    return PostQueue(site.desk, actor)


def test_a_review_is_told_to_those_who_may_approve_and_stands_on_today(site: Site, post: int) -> None:
    queue(site, WRITER).ask_for_review(post)
    assert [told(site.desk.database, email) for email in (WRITER, EDITOR, OTHER)] == [[], ["review"], []]
    editor = site.client("editor", email=EDITOR)
    today = editor.get("/")
    assert "Writer asks for a review of “A quiet cell”." in text_of(today)
    assert "Today 1 for you" in text_of(today)
    opened = editor.get("/for-you/1")
    assert opened.url.endswith(f"/posts/{post}")
    again = text_of(editor.get("/"))
    assert "asks for a review" not in again
    assert "for you" not in again.partition("Channels")[0]
    assert "asks for a review" in text_of(editor.get("/for-you")), "what was read stays in the list"


def test_a_comment_is_told_to_its_readers_and_a_mention_to_whom_it_names(site: Site, post: int) -> None:
    person = site.person("editor", email=EDITOR)
    queue(site, EDITOR).add_comment(post, person, "Which stain? @Other may know.")
    assert [told(site.desk.database, email) for email in (WRITER, EDITOR, OTHER)] == [["comment"], [], ["mention"]]
    answerer = site.person("contributor", email=OTHER)
    queue(site, OTHER).add_comment(post, answerer, "DAPI, @editor")
    assert told(site.desk.database, EDITOR) == ["mention"]
    assert told(site.desk.database, WRITER) == ["comment", "comment"]
    page = site.client("contributor", email=WRITER).get("/")
    assert "Editor comments on “A quiet cell”." in text_of(page)
    assert "Which stain? @Other may know." in text_of(page)


def test_decisions_are_told_to_the_writers(site: Site, post: int) -> None:
    queue(site, WRITER).ask_for_review(post)
    editor = site.client("editor", email=EDITOR)
    editor.send_form(f"/posts/{post}/send-back", {"text": "The scale bar is missing."})
    assert told(site.desk.database, WRITER) == ["sent-back"], "the reason is not told twice"
    assert "The scale bar is missing." in text_of(site.client("contributor", email=WRITER).get("/"))
    queue(site, EDITOR).approve(post)
    assert told(site.desk.database, WRITER) == ["sent-back", "approved"]
    queue(site, EDITOR).approve(post)
    assert told(site.desk.database, WRITER) == ["sent-back", "approved"]


def test_a_remark_is_told_to_the_maker_of_the_link(site: Site, post: int) -> None:
    now = site.desk.now()
    made = make_link(site.desk.database, post, "Dr Roca", now=now, actor=EDITOR)
    add_remark(site.desk.database, made.id, "<b>Anna</b>", "<i>It is DAPI</i>, @other", now=now)
    assert [told(site.desk.database, email) for email in (WRITER, EDITOR, OTHER)] == [["remark"], ["remark"], []]
    page = site.client("editor", email=EDITOR).get("/")
    assert "&lt;i&gt;It is DAPI&lt;/i&gt;" in page.text
    assert "<b>Anna" not in page.text


def test_everything_is_marked_as_read_by_its_person_alone(site: Site, post: int) -> None:
    for _again in range(3):
        queue(site, EDITOR).add_comment(post, site.person("editor", email=EDITOR), "Please look")
    other = site.client("contributor", email=OTHER)
    assert other.get("/for-you/1").status_code == 404
    other.send_form("/for-you/1/read")
    other.send_form("/for-you/read")
    writer = site.client("contributor", email=WRITER)
    assert "Today 3 for you" in text_of(writer.get("/"))
    writer.send_form("/for-you/2/read", {"back_to_today": "true"})
    assert "Today 2 for you" in text_of(writer.get("/"))
    writer.send_form("/for-you/read")
    assert "for you" not in text_of(writer.get("/")).partition("Channels")[0]


def test_a_person_chooses_what_they_are_told_and_how(site: Site, post: int) -> None:
    editor = site.client("editor", email=EDITOR)
    saved = editor.send_form("/account/notifications", {"ways": ["review:mail", "comment:page", "nonsense"]})
    assert "Saved" in text_of(saved)
    assert re.search(r'value="review:mail" checked', saved.text)
    assert not re.search(r'value="review:page" checked', saved.text)
    queue(site, WRITER).ask_for_review(post)
    queue(site, EDITOR).send_back(post)
    with site.desk.database.reading() as session:
        row = session.scalars(select(Notification).where(Notification.kind == "review")).one()
    assert row.ways == ["mail"]
    assert row.read_at is not None, "it is not on the page"
    choose(site, EDITOR, [])
    queue(site, WRITER).ask_for_review(post)
    assert told(site.desk.database, EDITOR) == ["review"]


def test_each_notification_is_mailed_once(site: Site, post: int, mail_box: MailBox, clock: ShiftedClock) -> None:
    choose(site, EDITOR, ["page", "mail"])
    queue(site, WRITER).ask_for_review(post)
    senders = [PersonalSender(site.desk) for _each in range(2)]
    for _again in range(3):
        for sender in senders:
            sender.send(site.desk.now())
        clock.shift_to(site.desk.now() + timedelta(hours=2))
    assert mail_box.recipients == [EDITOR]
    assert "https://desk.example.org/posts/1" in mail_box.texts[0]
    assert "Writer asks for a review of “A quiet cell”." in mail_box.texts[0]


def test_what_is_read_before_is_not_mailed(site: Site, post: int, mail_box: MailBox) -> None:
    person = choose(site, EDITOR, ["page", "mail"])
    queue(site, WRITER).ask_for_review(post)
    mark_read(site.desk.database, person, site.desk.now())
    PersonalSender(site.desk).send(site.desk.now())
    assert mail_box.mails == []


def test_a_mail_that_is_refused_is_tried_again_and_given_up_in_the_end(
    site: Site, post: int, mail_box: MailBox, clock: ShiftedClock
) -> None:
    choose(site, EDITOR, ["page", "mail"])
    mail_box.refuses = True
    queue(site, WRITER).ask_for_review(post)
    sender = PersonalSender(site.desk)
    sender.send(site.desk.now())
    sender.send(site.desk.now())
    assert "The last message to you could not be sent: address mail" in text_of(
        site.client("editor", email=EDITOR).get("/account")
    )
    mail_box.refuses = False
    clock.shift_to(site.desk.now() + timedelta(minutes=2))
    sender.send(site.desk.now())
    assert len(mail_box.mails) == 1
    mail_box.refuses = True
    queue(site, EDITOR).send_back(post)
    queue(site, WRITER).ask_for_review(post)
    clock.shift_to(site.desk.now() + MAX_AGE)
    sender.send(site.desk.now())
    mail_box.refuses = False
    clock.shift_to(site.desk.now() + timedelta(hours=2))
    sender.send(site.desk.now())
    assert len(mail_box.mails) == 1
    assert told(site.desk.database, EDITOR) == ["review", "review"]


def test_a_sender_that_dies_loses_nothing(
    site: Site, post: int, mail_box: MailBox, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(site, EDITOR, ["mail"])
    queue(site, WRITER).ask_for_review(post)
    with monkeypatch.context() as patch:
        patch.setattr(personal_sender, "addresses_of", lambda person: 1 / 0)
        PersonalSender(site.desk).send(site.desk.now())
    clock.shift_to(site.desk.now() + personal_sender.CLAIM_TIME)
    PersonalSender(site.desk).send(site.desk.now())
    assert len(mail_box.mails) == 1


def test_nobody_who_is_shut_out_gets_mail(site: Site, post: int, mail_box: MailBox) -> None:
    person = choose(site, EDITOR, ["mail"])
    site.person("admin")
    queue(site, WRITER).ask_for_review(post)
    accounts.set_active(site.desk.database, person, False, now=site.desk.now(), actor="test")
    PersonalSender(site.desk).send(site.desk.now())
    assert mail_box.mails == []


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1:8080/notify",
        "mailto://mail.internal",
        "file:///etc/passwd",
        "slack://TOKEN?template=/etc/passwd",
        "slack://T1/B1/C1,json://127.0.0.1",
        "slack://T1/B1/json://127.0.0.1",
        "slack://" + "x" * 600,
        "slack://%3Ftemplate=/etc/passwd",
        "https://hooks.slack.com/services/A/B/C",
        "syslog://",
        "slack://",
    ],
)
def test_a_chat_address_leads_nowhere_but_to_a_chat(site: Site, url: str) -> None:
    assert chat_problem(url) is not None
    answer = site.client("editor", email=EDITOR).send_form("/account/chats", {"addresses": url})
    assert answer.status_code == 422
    with site.desk.database.reading() as session:
        assert session.scalars(select(Person.chat_addresses).where(Person.email == EDITOR)).one() is None


def test_chat_addresses_are_sealed_and_never_shown(site: Site) -> None:
    secret = "discord://123456789012345678/" + "a" * 68
    editor = site.client("editor", email=EDITOR)
    saved = editor.send_form("/account/chats", {"addresses": secret})
    assert "Messages go to: 1 (discord)" in text_of(saved)
    assert "a" * 68 not in saved.text
    with site.desk.database.reading() as session:
        person = session.scalars(select(Person).where(Person.email == EDITOR)).one()
    assert person.chat_addresses is not None
    assert "aaaa" not in person.chat_addresses
    assert [address.url for address in addresses_of(person)] == [secret]
    assert "You have no chat address" in text_of(editor.send_form("/account/chats", {"addresses": ""}))


def test_a_text_calls_nobody_in_a_chat() -> None:
    text = personal_sender._without_commands("@everyone <!channel> <@U1>")
    assert not re.search("@everyone|<!|<@", text)


@pytest.mark.parametrize("name", ["a@b.org,c@d.org", "a@b.org?cc=c@d.org", "a b@c.org", "a<b>@c.org"])
def test_a_mail_goes_to_its_recipient_alone(name: str) -> None:
    assert mail_address("mailto://mail.example.org/else@example.org?to=else@example.org", name) is None
    address = mail_address("mailto://mail.example.org/else@example.org?to=else@example.org&bcc=x@y.org", EDITOR)
    assert address is not None
    assert address.url == "mailto://mail.example.org?to=editor%40example.org"


def test_an_invitation_goes_by_mail_and_names_who_invites(
    site: Site, mail_box: MailBox, capfd: pytest.CaptureFixture[str]
) -> None:
    admin = site.client("admin", email="chief@example.org")
    sent = admin.send_form("/people", {"email": "new@example.org", "name": "Nora", "roles": ["editor"]})
    assert "on its way to new@example.org" in text_of(sent)
    assert "/invitation/" not in sent.text
    assert mail_box.recipients == ["new@example.org"]
    assert "Chief invites you" in mail_box.texts[0]
    link = re.search(r"http\S+/invitation/(\S+)", mail_box.texts[0])
    assert link is not None
    guest = site.client()
    assert "Chief invites you to the desk" in text_of(guest.get(link[0]))
    assert link[1] not in "".join(capfd.readouterr())
    again = admin.send_form(f"/people/{site.person('editor', email=EDITOR)}/invitation")
    assert f"on its way to {EDITOR}" in text_of(again)
    assert "Chief made you a link to choose a new password" in mail_box.texts[1]


def test_a_link_that_can_not_be_mailed_is_shown(site: Site, mail_box: MailBox) -> None:
    mail_box.refuses = True
    admin = site.client("admin")
    shown = admin.send_form("/people", {"email": "new@example.org", "name": "Nora", "roles": ["editor"]})
    assert "The link could not be sent by mail" in text_of(shown)
    assert "/invitation/" in shown.text
