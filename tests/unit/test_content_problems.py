"""Tests the problems of a post as data: they are stored with a delivery, and those of older versions are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from publisher.adapt.problem_codes import AdaptProblem, LeftOutText, PictureWarning
from publisher.core.content import AdaptedPost, ContentProblem, Rendition
from publisher.core.messages import Reader, reading_as
from publisher.core.problems import StoredProblem
from publisher.posts.problems import PostProblem
from publisher.web.api.post_models import AdaptedOut

PLACE: dict[str, Any] = {"channel": "web", "platform": "fake", "language": "en", "title": "Cells", "caption": ""}


def stored(post: AdaptedPost) -> AdaptedPost:
    """Returns the post after it was written and read."""
    return AdaptedPost.model_validate_json(json.dumps(post.model_dump(mode="json")))


def test_a_problem_is_the_same_after_it_was_stored() -> None:
    problem = ContentProblem(field="language", problem=AdaptProblem.NO_TRANSLATION(language="ca", original="en"))
    left_out = (LeftOutText.SENTENCES(count=2, part="the body"),)
    post = AdaptedPost(**PLACE, problems=(problem,), left_out=left_out)
    again = stored(post)
    assert again == post
    assert again.problems[0].problem.code is AdaptProblem.NO_TRANSLATION
    assert [str(remark) for remark in again.left_out] == ["2 sentences of the body"]


def test_the_problem_of_an_older_version_keeps_its_sentence_and_blocks() -> None:
    former = {"field": "credit", "message": "The post has no credit.", "blocking": True}
    remark = {"field": "licence", "message": "It names no {licence}.", "blocking": False}
    post = AdaptedPost.model_validate({**PLACE, "problems": [former, remark], "left_out": ["the body"]})
    assert [(problem.field, problem.message, problem.blocking) for problem in post.problems] == [
        ("credit", "The post has no credit.", True),
        ("licence", "It names no {licence}.", False),
    ]
    assert post.problems[0].problem.code is StoredProblem.RECORDED
    assert [str(part) for part in post.left_out] == ["the body"]
    assert stored(post) == post


def test_a_problem_without_a_text_is_refused() -> None:
    with pytest.raises(ValidationError):
        ContentProblem.model_validate({"field": "credit", "blocking": True})


def test_the_notes_of_a_rendition_of_an_older_version_are_read() -> None:
    report = {"path": "a.png", "sha256": "0" * 64, "format": "png", "width": 1, "height": 1, "bytes": 1}
    notes = ["Padded above.", PictureWarning.TRANSPARENT().to_json()]
    rendition = Rendition.model_validate({**report, "notes": notes})
    assert [str(note) for note in rendition.notes] == ["Padded above.", "Transparent areas stand on white."]
    assert rendition.notes[1].code is PictureWarning.TRANSPARENT


def test_programs_get_the_code_and_the_sentence_of_a_problem() -> None:
    problem = ContentProblem(field="images[0].alt_text", problem=AdaptProblem.NO_ALT_TEXT(picture=1))
    post = AdaptedPost(**PLACE, problems=(problem,), left_out=(LeftOutText.WHOLE_FIELD(part="the body"),))
    answer = AdaptedOut.model_validate(post.model_dump(mode="json")).model_dump(mode="json")
    shown = {
        "field": "images[0].alt_text",
        "message": "Picture 1 has no alt text; describe in a sentence or two what it shows.",
        "code": "adapt.no-alt-text",
        "parameters": {"picture": 1},
        "remedy": None,
        "blocking": True,
    }
    assert (answer["problems"], answer["left_out"]) == ([shown], ["the body"])
    assert PostProblem(problem, ("web",)).to_json() == {**shown, "channels": ["web"]}
    schema = AdaptedOut.model_json_schema(mode="serialization")
    assert schema["properties"]["left_out"]["items"] == {"type": "string"}


def test_a_language_is_named_in_the_language_of_the_reader() -> None:
    problem = AdaptProblem.NO_TRANSLATION_POST_SKIPPED(language="ca")
    assert str(problem) == "There is no Catalan translation, so this channel skips the post."
    with reading_as(Reader(language="ca")):
        assert "català" in str(problem)
