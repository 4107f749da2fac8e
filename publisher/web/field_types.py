"""Defines the field types that forms and addresses of pages share, each with its limit."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Query
from pydantic import Field, StringConstraints

from publisher.core.post_limits import CHOICE_NAME, CHOICES, MAX_ROW_NUMBER
from publisher.posts.undo import MAX_POSTS

RowId = Annotated[int, Field(ge=1, le=MAX_ROW_NUMBER)]
PostIds = Annotated[list[RowId] | None, Form(max_length=MAX_POSTS)]
"""The posts that somebody ticked."""
Before = Annotated[int | None, Query(ge=1, le=MAX_ROW_NUMBER)]
"""The id of the last row that a list showed."""
ChosenNames = Annotated[
    list[Annotated[str, StringConstraints(max_length=CHOICE_NAME)]] | None, Form(max_length=CHOICES)
]
"""The names that somebody ticked in a list."""
