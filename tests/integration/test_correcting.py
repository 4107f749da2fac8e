"""Tests that one function corrects a published post everywhere: its own record, and what followers read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from publisher import correcting
from publisher.core.content import LANGUAGE_CAPTION_PREFIX
from publisher.core.states import CorrectionState
from publisher.correcting import CorrectionRequest, CorrectionResult, correct_post, plan_correction
from publisher.correction_plan import ChannelCorrection, CorrectionPlan
from publisher.db.corrections import Correction
from publisher.db.models import Delivery, Event, Post
from publisher.db.staff import PostVersion
from publisher.delivery import operate
from publisher.delivery.corrections import claim_correction
from publisher.delivery.problem_codes import CorrectionTrouble
from publisher.platforms.base import PostPart
from publisher.platforms.instagram.problem_codes import InstagramPostProblem
from publisher.platforms.x.problem_codes import XProblem
from publisher.posts.corrections import CorrectionRefused
from publisher.posts.drafts import PostChanges
from publisher.posts.errors import StaleEdit
from publisher.sandbox.faults import Fault
from publisher.schedule.post_queue import PostQueue
from tests.conftest import OpenOutlet
from tests.outlet import PLATFORMS, Outlet

ADA = "Ada <ada@example.org>"
CORRECTING = ("tumblr", "instagram")
WRONG, RIGHT = "A qiet cell", "A quiet cell"


def publish(outlet: Outlet, images: int = 1, **fields: Any) -> int:
    post = outlet.add_post(WRONG, images, **fields)
    outlet.pick()
    outlet.run_until_idle()
    return post


def stored(outlet: Outlet, post: int) -> Post:
    with outlet.desk.database.reading() as session:
        return session.get_one(Post, post)


def alt_text_changes(outlet: Outlet, post: int, alt_text: str) -> dict[str, Any]:
    images = [{"media": image.media_sha256, "alt_text": alt_text} for image in stored(outlet, post).images]
    return {"images": images}


def ask(post: int, note: str = "", seen: str = "", **changes: Any) -> CorrectionRequest:
    return CorrectionRequest(post, PostChanges.model_validate(changes), note=note, seen=seen)


def correct(outlet: Outlet, post: int, note: str = "", **changes: Any) -> CorrectionResult:
    result = correct_post(outlet.desk, ask(post, note, **changes), actor=ADA)
    outlet.run_until_idle()
    return result


def by_channel(plan: CorrectionPlan) -> dict[str, ChannelCorrection]:
    return {channel.channel: channel for channel in plan.channels}


def test_a_plan_says_what_changes_on_each_channel_what_not_and_why(outlet: Outlet) -> None:
    post = publish(outlet)
    changes = {"title": RIGHT, **alt_text_changes(outlet, post, "A grey disc on black, mended")}
    plan = plan_correction(outlet.desk, ask(post, **changes))
    channels = by_channel(plan)
    assert (set(channels), set(plan.fields)) == (set(PLATFORMS), {"title", "images"})
    tumblr, instagram, x = channels["tumblr"], channels["instagram"], channels["x"]
    assert {change.part for change in tumblr.sent} == {PostPart.TEXT, PostPart.ALT_TEXTS}
    assert (tumblr.left, tumblr.reasons) == ((), ())
    assert {change.part for change in instagram.sent} == {PostPart.TEXT}
    assert [problem.code for problem in instagram.reasons] == [InstagramPostProblem.ALT_TEXTS_STAY]
    assert (x.sent, [problem.code for problem in x.reasons]) == ((), [XProblem.CORRECTED_BY_HAND_ONLY])
    (text,) = (change for change in tumblr.sent if change.part is PostPart.TEXT)
    assert (WRONG in text.before, RIGHT in text.after) == (True, True)
    assert stored(outlet, post).title == WRONG, "a plan changes nothing"


def test_followers_get_the_corrected_text_on_the_same_posts(outlet: Outlet) -> None:
    post = publish(outlet, images=2)
    published = {platform: outlet.copies(platform)[0] for platform in PLATFORMS}
    mended = "A grey disc on black, mended"
    result = correct(outlet, post, "the title had a typo", title=RIGHT, **alt_text_changes(outlet, post, mended))
    for platform in PLATFORMS:
        (copy,) = outlet.copies(platform)
        assert (copy.id, copy.at) == (published[platform].id, published[platform].at)
        assert (RIGHT in copy.caption) == (platform in CORRECTING)
        assert (WRONG in copy.caption) == (platform not in CORRECTING)
        assert {image.alt_text == mended for image in copy.images} == {platform == "tumblr"}
        assert len(copy.edits) == (platform in CORRECTING)
        assert outlet.deliveries()[platform].problem is None, "the read-back compares with the corrected text"
    assert set(result.deliveries) == {outlet.deliveries()[platform].id for platform in CORRECTING}
    row = stored(outlet, post)
    assert (row.title, row.state, row.approved_version, row.edited_by) == (RIGHT, "approved", result.version, ADA)
    assert row.images[0].alt_text == mended
    with outlet.desk.database.reading() as session:
        version = session.scalars(
            select(PostVersion).where(PostVersion.post_id == post, PostVersion.version == result.version)
        ).one()
        event = session.scalars(select(Event).where(Event.name == "post corrected", Event.post_id == post)).one()
        states = set(session.scalars(select(Correction.state)))
    assert (version.actor, version.content["title"]) == (ADA, RIGHT)
    assert (event.actor, event.detail["note"], event.detail["version"]) == (ADA, "the title had a typo", result.version)
    assert event.detail["channels"] == [*sorted(CORRECTING)]
    assert states == {CorrectionState.DONE}


@pytest.mark.parametrize("platform", CORRECTING)
@pytest.mark.parametrize(
    "fault",
    ["drop-before", "drop-after", "500-after", "504-after", "garbage-after", "truncate-after", "429", "late-504:2"],
)
def test_a_fault_at_the_correction_ends_with_one_corrected_post(
    open_outlet: OpenOutlet, platform: str, fault: str
) -> None:
    outlet = open_outlet(platform)
    post = publish(outlet)
    outlet.sandbox_servers.faults.add(platform, Fault.parse(f"correct/{fault}"), 2)
    correct(outlet, post, title=RIGHT)
    (copy,) = outlet.copies(platform)
    assert (RIGHT in copy.caption, len(copy.edits)) == (True, 1)
    with outlet.desk.database.reading() as session:
        assert session.scalars(select(Correction)).one().state == CorrectionState.DONE
    assert outlet.deliveries()[platform].problem is None
    assert outlet.sandbox_servers.faults.summary()[platform][f"correct/{fault.partition(':')[0]}"] >= 1


def test_a_rejected_correction_says_why_and_leaves_the_post(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    post = publish(outlet)
    outlet.sandbox_servers.faults.add("tumblr", Fault.parse("correct/reject"))
    correct(outlet, post, title=RIGHT)
    (copy,) = outlet.copies("tumblr")
    assert (WRONG in copy.caption, copy.edits) == (True, ())
    with outlet.desk.database.reading() as session:
        row = session.scalars(select(Correction)).one()
    assert (row.state, "the content is not valid" in str(row.problem)) == (CorrectionState.FAILED, True)
    correct(outlet, post)
    assert RIGHT in outlet.copies("tumblr")[0].caption, "asking again sends what the post says by now"


def test_each_part_of_a_thread_is_named(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("x", channel_settings="thread = true\n")
    body = " ".join(f"Sentence number {number} of a long text about a qiet cell." for number in range(12))
    post = publish(outlet, body=body)
    parts = len(outlet.copies("x"))
    assert parts > 2
    plan = plan_correction(outlet.desk, ask(post, title=RIGHT, body=body.replace("qiet", "quiet")))
    assert len(plan.channels) == parts
    changed = [channel for channel in plan.channels if channel.changes]
    assert len(changed) == parts
    assert {problem.code for channel in changed for problem in channel.reasons} == {XProblem.CORRECTED_BY_HAND_ONLY}
    correct(outlet, post, title=RIGHT)
    assert [copy.edits for copy in outlet.copies("x")] == [()] * parts
    assert stored(outlet, post).title == RIGHT, "the record is corrected where no platform can be"


def test_what_waits_goes_out_corrected(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr", "x")
    operate.pause(outlet.desk.database, "x", "later", now=outlet.desk.now(), actor="me")
    post = publish(outlet)
    plan = plan_correction(outlet.desk, ask(post, title=RIGHT))
    assert plan.reach.applies_to == ("x",)
    correct(outlet, post, title=RIGHT)
    operate.resume(outlet.desk.database, "x", now=outlet.desk.now(), actor="me")
    outlet.run_until_idle()
    assert [RIGHT in copy.caption for copy in (*outlet.copies("x"), *outlet.copies("tumblr"))] == [True, True]


def test_the_plan_that_was_seen_is_the_one_that_is_carried_out(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    post = publish(outlet)
    seen = plan_correction(outlet.desk, ask(post, title=RIGHT)).digest
    template = outlet.config.parent / "captions" / "tumblr.j2"
    template.write_text(template.read_text() + "\nA new line of the template\n")
    with pytest.raises(StaleEdit):
        correct_post(outlet.desk, ask(post, seen=seen, title=RIGHT), actor=ADA)
    assert stored(outlet, post).title == WRONG
    again = plan_correction(outlet.desk, ask(post, title=RIGHT)).digest
    correct_post(outlet.desk, ask(post, seen=again, title=RIGHT), actor=ADA)
    with pytest.raises(StaleEdit):
        correct_post(outlet.desk, ask(post, seen=again, title=RIGHT), actor=ADA)


def test_what_can_not_be_corrected_is_refused_and_changes_nothing(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    waiting = outlet.add_post("Not out yet")
    with pytest.raises(CorrectionRefused, match="is not published anywhere"):
        plan_correction(outlet.desk, ask(waiting, title=RIGHT))
    PostQueue(outlet.desk).withdraw(waiting)
    post = publish(outlet)
    version = stored(outlet, post).version
    for changes, words in (
        ({}, "nothing would be changed"),
        ({"language": "ca"}, "language can't be corrected"),
        ({"images": []}, "pictures of a published post stay"),
        ({"credit": ""}, "the corrected text can't go out"),
        (alt_text_changes(outlet, post, ""), "the corrected text can't go out"),
    ):
        with pytest.raises(CorrectionRefused, match=words):
            correct_post(outlet.desk, ask(post, **changes), actor=ADA)
    assert stored(outlet, post).version == version
    PostQueue(outlet.desk, ADA).edit(post, PostChanges(title="Another text"))
    with pytest.raises(CorrectionRefused, match="the change is not approved"):
        plan_correction(outlet.desk, ask(post, title=RIGHT))


def test_with_second_person_authors_correct_only_what_others_approved(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    text = outlet.config.read_text().replace("[outlet]\n", "[outlet]\nsecond_person = true\n")
    post = publish(outlet)
    outlet.config.write_text(text)
    del outlet.desk.settings
    with pytest.raises(Exception, match="wants a second person"):
        correct_post(outlet.desk, ask(post, title=RIGHT), actor=ADA)
    assert stored(outlet, post).title == WRONG
    PostQueue(outlet.desk, ADA).edit(post, PostChanges(title=RIGHT))
    PostQueue(outlet.desk, "Bea <bea@example.org>").approve(post)
    correct(outlet, post)
    assert RIGHT in outlet.copies("tumblr")[0].caption


def test_a_post_of_the_reserve_is_corrected_wherever_it_was_shown(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    post = publish(outlet, reserve=True)
    outlet.sandbox_servers.ledger.shift(outlet.clock.shift_to(outlet.clock.now() + timedelta(days=400)))
    outlet.pick()
    outlet.run_until_idle()
    assert len(outlet.copies("tumblr")) == 2
    correct(outlet, post, title=RIGHT)
    assert [RIGHT in copy.caption for copy in outlet.copies("tumblr")] == [True, True]
    assert stored(outlet, post).state == "approved"


def test_a_caption_by_hand_and_a_link_are_corrected(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    post = publish(outlet, body="See [the papr](https://example.org/1).", link="https://example.org/a")
    correct(outlet, post, body="See [the papr](https://example.org/2).", link="https://example.org/b")
    (copy,) = outlet.copies("tumblr")
    marks = [mark["url"] for block in copy.detail["content"] for mark in block.get("formatting", ()) if "url" in mark]
    assert "https://example.org/2" in marks
    assert copy.detail["source_url"] == "https://example.org/b"
    by_hand = f"{LANGUAGE_CAPTION_PREFIX}en"
    correct(outlet, post, captions={by_hand: "By hand. Image by the test bench, CC BY 4.0"})
    assert outlet.copies("tumblr")[0].caption == "By hand. Image by the test bench, CC BY 4.0"
    with outlet.desk.database.reading() as session:
        assert session.scalar(select(Delivery.problem)) is None


def test_a_broken_template_keeps_only_its_own_channel_back(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr", "instagram")
    post = publish(outlet)
    (outlet.config.parent / "captions" / "instagram.j2").write_text("{{ nothing")
    plan = by_channel(plan_correction(outlet.desk, ask(post, title=RIGHT)))
    assert (plan["instagram"].sent, bool(plan["instagram"].reasons)) == ((), True)
    correct(outlet, post, title=RIGHT)
    assert [RIGHT in outlet.copies(platform)[0].caption for platform in ("tumblr", "instagram")] == [True, False]


def test_a_correction_that_is_being_sent_keeps_another_one_away(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    post = publish(outlet)
    correct_post(outlet.desk, ask(post, title=RIGHT), actor=ADA)
    lease = timedelta(minutes=5)
    assert claim_correction(outlet.desk.database, "tumblr", owner="w", now=outlet.desk.now(), lease=lease)
    (channel,) = plan_correction(outlet.desk, ask(post, title="Another")).channels
    assert [problem.code for problem in channel.reasons] == [CorrectionTrouble.CORRECTING_UNDER_WAY]
    # A worker that takes it between the plan and the record.
    with patch.object(correcting, "_refusal", lambda *_: None), pytest.raises(StaleEdit):
        correct_post(outlet.desk, ask(post, title="Another"), actor=ADA)
    assert stored(outlet, post).title == RIGHT
