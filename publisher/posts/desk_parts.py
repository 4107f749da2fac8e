"""Describes the parts of a desk that changes of posts need."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from publisher.adapt.images.rendering import Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.db.session import Database
from publisher.media import MediaStore
from publisher.settings import Settings


class DeskParts(Protocol):
    """Holds the parts of a desk; targets and people are as their files are now."""

    @property
    def database(self) -> Database: ...
    @property
    def store(self) -> MediaStore: ...
    @property
    def renderer(self) -> Renderer: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def targets(self) -> Mapping[str, Target]: ...
    @property
    def people(self) -> PeopleDirectory: ...
    def now(self) -> datetime: ...
