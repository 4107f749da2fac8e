"""Renders pictures: makes each rendition once from its original, measures it and stores it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from publisher.adapt.images.child_process import ImageRefused, run_image_process
from publisher.adapt.problem_codes import PictureProblem
from publisher.core.content import Rendition, RenditionSpec
from publisher.core.disk_files import file_sha256
from publisher.core.file_reading import REPORT_BYTES, read_bytes
from publisher.media import MediaDamaged, MediaMissing, MediaStore

__all__ = ["ImageRefused", "Renderer"]

_WORK_PREFIX = ".work-"


class Renderer:
    """Makes renditions by their specifications, and keeps them in the media store."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    def render(self, spec: RenditionSpec) -> Rendition:
        """Returns the rendition of this specification: the stored one, else a new one. Any thread may call it.

        Raises:
            ImageRefused: it can't be made; nothing is left behind.
            MediaUnreachable: its original can't be read now.
        """
        return self.stored(spec.digest) or self._make(spec)

    def stored(self, digest: str) -> Rendition | None:
        """Returns the rendition of this digest if it was made before, here or on another machine, and is intact."""
        report = self._store.load(digest, ".json")
        if report is None:
            return None
        try:
            rendition = Rendition.model_validate_json(read_bytes(report, REPORT_BYTES))
        except ValidationError:
            return None
        path = self._store.load(digest, f".{rendition.format}")
        if path is None or file_sha256(path) != rendition.sha256:
            return None
        # The file may have another path on this machine.
        return rendition.model_copy(update={"path": path})

    def sweep(self, keep: Collection[str], older_than: datetime) -> int:
        """Removes what was made before this instant and is not among the digests to keep.

        Returns how many files were removed. What is needed again later is made again.
        """
        return self._store.sweep(keep, older_than)

    def _make(self, spec: RenditionSpec) -> Rendition:
        try:
            source = self._store.fetch(spec.source)
        except (MediaMissing, MediaDamaged) as error:
            raise ImageRefused(PictureProblem.ORIGINAL_UNUSABLE(why=error.text)) from error
        with tempfile.TemporaryDirectory(prefix=_WORK_PREFIX, dir=self._store.work_folder()) as scratch:
            output = Path(scratch) / "rendition"
            request = {
                "task": "render",
                "source": str(source.resolve()),
                "output": str(output.resolve()),
                "spec": spec.model_dump(mode="json"),
            }
            answer = run_image_process(request, scratch=Path(scratch))
            content = output.read_bytes()
        path = self._store.save(spec.digest, f".{answer['format']}", content)
        rendition = Rendition(path=path, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), **answer)
        # The report is stored last: where it is, the picture is.
        self._store.save(spec.digest, ".json", rendition.model_dump_json().encode())
        return rendition
