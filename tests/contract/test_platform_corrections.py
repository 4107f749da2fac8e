"""Correcting a published post: followers see the new text on the same post, and never a second one."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest

from publisher.core.clock import monotonic
from publisher.core.content import AdaptedPost, TextBlock
from publisher.platforms.abilities import CorrectionEnd, SupportsCorrection
from publisher.platforms.base import PlatformAdapter, PostPart
from publisher.platforms.errors import ContentRejected, PlatformError, Unavailable
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.registry import adapter_class
from publisher.sandbox.faults import EFFECTS, Execution, Fault
from publisher.sandbox.ledger import LedgerPost
from publisher.sandbox.wire import Request
from tests.contract.account import Account
from tests.contract.cases import Step
from tests.contract.delivery import assert_stored_whole
from tests.contract.parameters import DRIVERS, of_platforms
from tests.contract.test_platform_faults import (
    LATE_SECONDS,
    MUCH_TOO_LATE,
    SLOW,
    STRIKING,
    TIMES,
    assert_told,
    fault_of,
)

CORRECT = Step("correct", "publish", "correct")
READ = Step("read before it is corrected", "publish", "read", sends_content=False)
NEW_TEXT = "A cell divides, mended\n\nThree of them 🔬 now."


def corrects(driver: type[Account]) -> bool:
    return hasattr(adapter_class(driver.name), "correct")


each_correcting = of_platforms(corrects)


def corrected(account: Account, before: AdaptedPost, text: str = NEW_TEXT) -> AdaptedPost:
    """Returns a post with everything corrected that the platform lets anybody correct."""
    changes: dict[str, object] = {"caption": text}
    if before.blocks:
        changes["blocks"] = tuple(TextBlock(text=part) for part in text.split("\n\n"))
    fixed = adapter_class(account.name).fixed_parts
    if PostPart.TAGS not in fixed and before.tags:
        changes["tags"] = (*before.tags, "mended")
    if PostPart.ALT_TEXTS not in fixed:
        changes["images"] = tuple(
            image.model_copy(update={"alt_text": f"Mended {number}"}) for number, image in enumerate(before.images)
        )
    return before.model_copy(update=changes)


def correct(account: Account, number: str, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
    adapter = account.adapter()
    assert isinstance(adapter, SupportsCorrection)
    return adapter.correct(number, before=before, after=after)


def correcting_requests(account: Account) -> list[Request]:
    return [request for request in account.requests if account.sandbox._step(request) == "correct"]


def the_copy(account: Account, number: str) -> LedgerPost:
    """Returns the one post that followers see, with the id that it had."""
    (copy,) = account.copies()
    assert copy.id == number
    return copy


def assert_shows(account: Account, number: str, post: AdaptedPost) -> None:
    copy = the_copy(account, number)
    assert copy.caption == post.caption
    assert [image.alt_text for image in copy.images] == [image.alt_text for image in post.images]
    shown = account.read(number)
    assert shown is not None
    assert shown.tags is None or set(shown.tags) == set(post.tags)


@each_correcting
@pytest.mark.parametrize("count", [1, 3])
def test_the_published_post_gets_the_new_text_and_keeps_its_pictures(account: Account, count: int) -> None:
    before = account.post(count)
    number = account.publish(count=count)
    published, sent = the_copy(account, number), len(account.publishing_requests())
    after = corrected(account, before)
    assert correct(account, number, before, after) is CorrectionEnd.SENT
    assert_shows(account, number, after)
    copy = the_copy(account, number)
    assert [image.sha256 for image in copy.images] == [image.sha256 for image in published.images]
    assert (copy.at, copy.url, copy.idempotency_key) == (published.at, published.url, published.idempotency_key)
    assert [(former.caption, former.tags) for former in copy.edits] == [(published.caption, published.tags)]
    assert (len(correcting_requests(account)), len(account.publishing_requests())) == (1, sent)


@each_correcting
def test_the_request_names_the_post(account: Account) -> None:
    number = account.publish()
    correct(account, number, account.post(), corrected(account, account.post()))
    (request,) = correcting_requests(account)
    assert number in request.path
    assert not account.sandbox.publishes(request)


@each_correcting
def test_the_same_correction_again_sends_nothing(account: Account) -> None:
    number, before = account.publish(), account.post()
    after = corrected(account, before)
    correct(account, number, before, after)
    sent = len(correcting_requests(account))
    assert correct(account, number, before, after) is CorrectionEnd.SHOWN_ALREADY
    assert len(correcting_requests(account)) == sent
    assert len(the_copy(account, number).edits) == 1


@each_correcting
def test_a_post_is_corrected_again_and_back(account: Account) -> None:
    number, first = account.publish(), account.post()
    second, third = corrected(account, first), corrected(account, first, "Another text\n\nand its end")
    correct(account, number, first, second)
    correct(account, number, second, third)
    assert_shows(account, number, third)
    correct(account, number, third, second)
    assert_shows(account, number, second)
    assert len(the_copy(account, number).edits) == 3


@each_correcting
def test_a_change_of_a_line_break_alone_is_sent(account: Account) -> None:
    number, first = account.publish(), account.post()
    joined, parted = (corrected(account, first, text) for text in ("One line. Another.", "One line.\n\nAnother."))
    correct(account, number, first, joined)
    assert correct(account, number, joined, parted) is CorrectionEnd.SENT
    assert_shows(account, number, parted)


@each_correcting
def test_a_post_that_somebody_changed_there_is_left_as_it_is(account: Account) -> None:
    number, before = account.publish(), account.post()
    by_hand = corrected(account, before, "Changed by hand\n\nthere")
    correct(account, number, before, by_hand)
    sent = len(correcting_requests(account))
    with pytest.raises(ContentRejected) as refused:
        correct(account, number, before, corrected(account, before))
    assert refused.value.problem.code is CorrectionProblem.CHANGED_THERE
    assert_stored_whole(refused.value.problem)
    assert_shows(account, number, by_hand)
    assert len(correcting_requests(account)) == sent


@each_correcting
def test_a_post_that_was_removed_is_not_made_again(account: Account) -> None:
    number, before = account.publish(), account.post()
    account.remove_post(number)
    with pytest.raises(ContentRejected) as refused:
        correct(account, number, before, corrected(account, before))
    assert refused.value.problem.code is CorrectionProblem.POST_GONE
    assert (account.copies(), correcting_requests(account)) == ([], [])


@each_correcting
@pytest.mark.parametrize("kind", STRIKING)
def test_a_fault_of_the_correction_leaves_one_post_with_one_of_both_texts(account: Account, kind: str) -> None:
    number, before = account.publish(), account.post()
    after = corrected(account, before)
    published = len(account.publishing_requests())
    account.faults.add(account.name, fault_of(kind, CORRECT), TIMES)
    started = monotonic()
    waiting = account.waiting_shortly() if kind in SLOW else nullcontext()
    with waiting, pytest.raises(PlatformError) as ended:
        correct(account, number, before, after)
    assert monotonic() - started < MUCH_TOO_LATE
    account.faults.clear()
    assert_told(account, ended.value)
    assert type(ended.value) is account.error_of(kind, Step("correct", "publish", "publish"))
    assert len(correcting_requests(account)) == 1
    executed = EFFECTS[kind].execution is Execution.FIRST
    assert_shows(account, number, after) if executed else assert_unchanged(account, number)
    if EFFECTS[kind].execution is Execution.LATE:
        account.pass_time(timedelta(seconds=LATE_SECONDS + 1))
    again = correct(account, number, before, after)
    is_done = EFFECTS[kind].execution is not Execution.NEVER
    assert again is (CorrectionEnd.SHOWN_ALREADY if is_done else CorrectionEnd.SENT)
    assert_shows(account, number, after)
    assert len(the_copy(account, number).edits) == 1
    assert len(account.publishing_requests()) == published


def assert_unchanged(account: Account, number: str) -> None:
    copy = the_copy(account, number)
    assert (copy.caption, copy.edits) == (account.sent_text(), ())


@each_correcting
@pytest.mark.parametrize("kind", STRIKING)
def test_a_fault_of_the_reading_before_it_changes_nothing(account: Account, kind: str) -> None:
    number, before = account.publish(), account.post()
    account.faults.add(account.name, fault_of(kind, READ), TIMES)
    waiting = account.waiting_shortly() if kind in SLOW else nullcontext()
    with waiting, pytest.raises(PlatformError) as ended:
        correct(account, number, before, corrected(account, before))
    account.faults.clear()
    assert type(ended.value) is account.error_of(kind, READ)
    assert correcting_requests(account) == []
    assert_unchanged(account, number)


@each_correcting
def test_a_late_repetition_of_the_same_correction_changes_nothing_more(account: Account) -> None:
    number, before = account.publish(), account.post()
    after = corrected(account, before)
    account.faults.add(account.name, Fault("late-drop", LATE_SECONDS, "correct"))
    with pytest.raises(PlatformError):
        correct(account, number, before, after)
    assert correct(account, number, before, after) is CorrectionEnd.SENT
    account.pass_time(timedelta(seconds=LATE_SECONDS + 1))
    assert_shows(account, number, after)
    assert len(the_copy(account, number).edits) == 1


@each_correcting
def test_a_refused_connection_changes_nothing(account: Account) -> None:
    number, before = account.publish(), account.post()
    account.faults.add(account.name, Fault("refuse"))
    with pytest.raises(Unavailable):
        correct(account, number, before, corrected(account, before))
    assert_unchanged(account, number)


def test_a_platform_that_corrects_nothing_says_why_of_each_part(account: Account) -> None:
    kind: type[PlatformAdapter] = adapter_class(account.name)
    if corrects(type(account)):
        assert set(kind.fixed_parts) < set(PostPart)
        assert PostPart.PICTURES in kind.fixed_parts
    else:
        assert set(kind.fixed_parts) == set(PostPart)
    for problem in kind.fixed_parts.values():
        assert str(problem).endswith(".")
        assert_stored_whole(problem)


def test_every_correcting_platform_meets_every_fault() -> None:
    assert {"instagram", "tumblr"} <= {name for name, driver in DRIVERS.items() if corrects(driver)}
