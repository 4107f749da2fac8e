"""Renders one page with every channel's preview side by side, complete in one file for mail or print."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import jinja2

from publisher.adapt.text.rich_html import describe_length, rich_parts
from publisher.core.content import AdaptedImage, AdaptedPost, ContentProblem, Rendition
from publisher.core.field_names import describe_field
from publisher.core.messages import Message, _, current_reader
from publisher.core.problems import Problem
from publisher.core.template_texts import install_translations
from publisher.posts.preview import RenderedPost

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("publisher.cli", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=lambda value: str(value) if isinstance(value, Message | Problem) else value,
    trim_blocks=True,
    lstrip_blocks=True,
)
install_translations(_PAGES)
_PAGES.globals["describe_field"] = describe_field


@dataclass(frozen=True, slots=True)
class Header:
    """Holds the account and the platform above a preview."""

    account: str
    platform: str


@dataclass(frozen=True, slots=True)
class _Picture:
    address: str
    """A data URI; empty when the picture could not be made."""
    alt_text: str
    proof: tuple[tuple[str, str], ...]
    """The measured values: name and value."""
    notes: tuple[Problem, ...]


def preview_page(
    title: str,
    about: str,
    rendered: Sequence[RenderedPost],
    headers: Mapping[str, Header],
    of_post: Sequence[ContentProblem] = (),
) -> str:
    """Renders the page as HTML; `headers` has an entry for each channel, `about` is the line below the title.

    `of_post`: the problems of the post itself, whatever the channel.

    A problem that several channels share counts once. The finished pictures are inside the page.

    Raises:
        OSError: a finished picture can't be read.
    """
    problems = {*of_post, *(problem for preview in rendered for problem in preview.problems)}
    return _PAGES.get_template("preview.html").render(
        language=current_reader().language,
        title=title,
        about=about,
        blocking=sum(problem.blocking for problem in problems),
        remarks=sum(not problem.blocking for problem in problems),
        of_post=of_post,
        looks=[_channel_values(preview, headers[preview.channel]) for preview in rendered],
    )


def _channel_values(preview: RenderedPost, header: Header) -> dict[str, object]:
    adapted = preview.adapted
    return {
        "channel": preview.channel,
        "header": header,
        "adapted": adapted,
        "parts": rich_parts(adapted.blocks) if adapted else (),
        "length": describe_length(adapted) if adapted else "",
        "pictures": _pictures(adapted, preview.renditions) if adapted else (),
        "problems": sorted(preview.problems, key=lambda problem: not problem.blocking),
    }


def _pictures(adapted: AdaptedPost, renditions: Iterable[Rendition | None]) -> list[_Picture]:
    return [_picture(image, made) for image, made in zip(adapted.images, renditions, strict=True)]


def _picture(image: AdaptedImage, made: Rendition | None) -> _Picture:
    if made is None:
        return _Picture("", image.alt_text, (), ())
    address = f"data:{made.mime_type};base64,{b64encode(made.path.read_bytes()).decode()}"
    return _Picture(address, image.alt_text, tuple(_measurements(made)), made.notes)


def _measurements(made: Rendition) -> Iterable[tuple[str, str]]:
    yield str(_("Pixels")), f"{made.width} × {made.height}"
    yield str(_("Bytes")), str(_("{bytes:number} ({format})", bytes=made.bytes, format=made.format.upper()))
    is_lossy = made.quality is not None
    yield str(_("Quality")), str(_("{quality} of 100", quality=made.quality) if is_lossy else _("lossless"))
    if made.ssim is not None:
        yield str(_("Likeness to the master (SSIM)")), f"{made.ssim:.3f}"
    if made.colour_difference is not None:
        yield str(_("Colour difference (ΔE)")), f"{made.colour_difference:.1f}"
