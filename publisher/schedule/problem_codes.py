"""Lists what can be wrong with the day of a post."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode


class DateProblem(ProblemCode):
    """Names why a post can't go out on its fixed date."""

    FIXED_DATE_PASSED = _("The fixed date {day:day} has passed; choose a later one.")
    FIXED_DATE_TAKEN = _("Post {post} “{title}” already goes out on {day:day}; choose another date.")
    EMBARGO_AFTER_FIXED_DATE = _(
        "The embargo ends on {embargo:day} at {embargo:clock}, after the post would go out on its fixed date "
        "{day:day}; choose a later date."
    )
