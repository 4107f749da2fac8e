"""Pictures and posts for what only Instagram does."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from publisher.core.content import AdaptedImage, AdaptedPost, Rendition, RenditionSpec
from publisher.platforms.base import UploadedMedia
from publisher.platforms.instagram.adapter import Adapter
from publisher.sandbox.wire import Answer, Request
from tests.contract.platforms.instagram import CAPTION, KEY

Rewrite = Callable[[Request, Answer], Answer]


def unchanged(_request: Request, answer: Answer) -> Answer:
    return answer


def picture(
    folder: Path, *, width: int = 360, height: int = 360, image_format: str = "jpeg", grey: int = 90
) -> Rendition:
    buffer = io.BytesIO()
    Image.new("L", (width, height), grey).save(buffer, image_format)
    content = buffer.getvalue()
    path = folder / f"{hashlib.sha256(content).hexdigest()}.{image_format}"
    path.write_bytes(content)
    return Rendition.model_validate(
        {
            "path": path,
            "sha256": hashlib.sha256(content).hexdigest(),
            "format": image_format,
            "width": width,
            "height": height,
            "bytes": len(content),
        }
    )


def post_of(images: int = 1, caption: str = CAPTION) -> AdaptedPost:
    spec = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=8_000_000, max_width=1440, max_height=1800)
    pictures = tuple(AdaptedImage(spec=spec, alt_text=f"Picture {number + 1}") for number in range(images))
    return AdaptedPost(
        channel="instagram", platform="instagram", language="en", title="A cell", caption=caption, images=pictures
    )


def upload(adapter: Adapter, *pictures: Rendition, key: str = KEY) -> list[UploadedMedia]:
    return [
        adapter.upload_media(image, f"Picture {place + 1}", idempotency_key=key, position=place, total=len(pictures))
        for place, image in enumerate(pictures)
    ]


def publish(adapter: Adapter, *pictures: Rendition, key: str = KEY, caption: str = CAPTION) -> str:
    media = upload(adapter, *pictures, key=key)
    return adapter.publish(post_of(len(media), caption), media, idempotency_key=key).remote_id
