"""Renditions: made once from the original, measured, stored, reused."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from publisher.adapt.image_worker import ImageRefused, run_image_process
from publisher.content import Rendition, RenditionSpec
from publisher.media import MediaStore, write_whole

__all__ = ["ImageRefused", "Renderer"]

_SCRATCH = ".work-"


class Renderer:
    """Makes the files that specifications describe, beside the originals in the media store."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    def render(self, spec: RenditionSpec) -> Rendition:
        """The rendition of this specification: the stored one, else a new one. Any number may ask at once.

        Raises:
            ImageRefused: it can't be made; nothing is left behind.
        """
        return self._stored(spec.digest) or self._make(spec)

    def sweep(self, keep: Collection[str], older_than: datetime) -> int:
        """Remove what was made before this instant and is not among the digests to keep.

        Returns how many files were removed. What is needed again later is made again.
        """
        removed = 0
        for path in self._files():
            if path.stat().st_mtime < older_than.timestamp() and path.name.partition(".")[0] not in keep:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _files(self) -> Iterator[Path]:
        folder = self._store.rendition_path("00", "").parent.parent
        return (path for path in sorted(folder.glob("??/*")) if path.is_file())

    def _stored(self, digest: str) -> Rendition | None:
        try:
            report = self._store.rendition_path(digest, ".json").read_text(encoding="utf-8")
            rendition = Rendition.model_validate_json(report)
        except (FileNotFoundError, ValidationError):
            return None
        path = self._store.rendition_path(digest, f".{rendition.format}")
        if not path.is_file() or path.stat().st_size != rendition.bytes:
            return None
        # The store may have moved since the report was written.
        return rendition.model_copy(update={"path": path})

    def _make(self, spec: RenditionSpec) -> Rendition:
        source = self._store.path(spec.source)
        if not source.is_file():
            raise ImageRefused("The original of this picture is not in the media store: add the picture again.")
        folder = self._store.rendition_path(spec.digest, "").parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder) as scratch:
            output = Path(scratch) / "rendition"
            request = {
                "task": "render",
                "source": str(source.resolve()),
                "output": str(output.resolve()),
                "spec": spec.model_dump(mode="json"),
            }
            answer = run_image_process(request, scratch=Path(scratch))
            content = output.read_bytes()
        path = self._store.rendition_path(spec.digest, f".{answer['format']}")
        rendition = Rendition(path=path, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), **answer)
        write_whole(path, content)
        write_whole(self._store.rendition_path(spec.digest, ".json"), rendition.model_dump_json().encode())
        return rendition
