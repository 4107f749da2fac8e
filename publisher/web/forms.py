"""Converts the fields of a post's form into a post's content, and back.

Fields of pictures are named `images-N-NAME`, or `images-N-NAME:CHANNEL` where they are for one channel, those of a
translation `tr-LANGUAGE-NAME`, a caption written by hand `caption-CHANNEL`. An unsaved form is
kept as a plain mapping of these names.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import Message, _, ngettext
from publisher.core.post_limits import FORM_BYTES, describe_limit
from publisher.core.problems import Problem
from publisher.core.window_choice import write_window
from publisher.db.models import Post
from publisher.posts.drafts import PostContent, is_supported_day
from publisher.web.channel_fields import channel_values, fields_of_channels
from publisher.web.errors import PageError, sentence_of
from publisher.web.form_field_names import FRAMING, IMAGE_TEXTS, TEXTS, TRANSLATED, field_of_value
from publisher.web.window_fields import fields_of_window, window_value

CUSTOM_COLOUR = "colour"
"""The value of the field `padding` where the field `padding_colour` holds the colour."""
DEFAULT_COLOUR = "#ffffff"
PLACEHOLDER_TITLE = "…"
Fields = Mapping[str, str]
Content = TypeVar("Content", bound=PostContent)


class Mistakes(UserError):
    """The form has mistakes; `fields` holds one sentence for each field that is wrong."""

    code = "form-mistakes"
    kind = ErrorKind.INVALID

    def __init__(self, fields: Mapping[str, Message | Problem]) -> None:
        texts = list(fields.values())
        super().__init__(texts[0] if len(texts) == 1 else Message("{texts:list}", {"texts": texts}))
        self.fields = dict(fields)


async def posted_form(request: Request) -> AsyncIterator[FormData]:
    """Yields the whole form of a request, for a route whose fields can't be listed beforehand."""
    async with request.form() as form:
        yield form


def fields_of(form: FormData) -> dict[str, str]:
    """Returns the texts of a form, without files and form key. Raises PageError for more than a post can hold."""
    total = sum(len(value) for _, value in form.multi_items() if isinstance(value, str))
    if total > FORM_BYTES:
        raise PageError(
            ngettext(
                "The form holds {count:number} character, and {maximum:number} are possible at most; "
                "nothing was saved. Go back, and shorten its texts.",
                "The form holds {count:number} characters, and {maximum:number} are possible at most; "
                "nothing was saved. Go back, and shorten its texts.",
                count=total,
                maximum=FORM_BYTES,
            )
        )
    return {name: _normalize(value) for name, value in form.items() if isinstance(value, str) and name != "csrf"}


def _normalize(text: str) -> str:
    # Browsers send the line ends of the network; some databases can't be asked for the character NUL.
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def content_of_fields(kind: type[Content], fields: Fields, zone: ZoneInfo, **more: Any) -> Content:
    """Makes a post's content of the fields. Raises Mistakes."""
    mistakes: dict[str, Message | Problem] = {}
    numbers = image_numbers(fields)
    values: dict[str, Any] = {name: fields.get(name, "") for name in TEXTS if name in fields}
    values |= {
        "tags": _parse_tags(fields.get("tags", "")),
        "links": _parse_links(fields, "links", mistakes),
        "embargo_until": _parse_instant(fields.get("embargo_until", ""), zone, mistakes),
        "captions": _prefixed_values(fields, "caption-"),
        "translations": _translation_values(fields, numbers, mistakes),
        "images": [_image_values(fields, number, mistakes) for number in numbers],
    }
    try:
        content = kind.model_validate({**values, **more})
    except ValidationError as error:
        invalid: dict[str, Message | Problem] = {
            field_of_value(item["loc"], numbers): _mistake_text(item) for item in error.errors(include_url=False)
        }
        mistakes = invalid | mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return content


def with_placeholder_titles(fields: Fields) -> Fields:
    """Fills missing titles of translations with a placeholder, so that the rest can be previewed."""
    titles = (f"tr-{language}-title" for language in _translation_values(fields, image_numbers(fields), {}))
    return {**fields, **{name: PLACEHOLDER_TITLE for name in titles if not fields.get(name, "").strip()}}


def image_numbers(fields: Fields) -> list[int]:
    """Lists the numbers of the pictures that are not removed, in the order that the form gives them."""
    numbers = [int(match[1]) for name in fields if (match := re.fullmatch(r"images-(\d{1,3})-media", name))]
    remaining = [number for number in numbers if not fields.get(f"images-{number}-remove")]
    return sorted(remaining, key=lambda number: (_parse_order(fields.get(f"images-{number}-order", "")), number))


def next_image_number(fields: Fields) -> int:
    """Returns a number that no picture of the form has, removed ones included."""
    used = (int(match[1]) for name in fields if (match := re.fullmatch(r"images-(\d{1,3})-media", name)))
    return max(used, default=-1) + 1


def file_name(sent: str) -> str:
    """Cleans the file name that a browser sends, so that it can be shown in a sentence."""
    last = re.split(r"[/\\]", sent)[-1]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:255] or str(_("the picture"))


def _parse_order(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1e9


def _parse_tags(text: str) -> list[str]:
    tags = [" ".join(tag.split()).lstrip("#") for tag in re.split(r"[,\n]", text)]
    return list(dict.fromkeys(tag for tag in tags if tag))


def _parse_links(fields: Fields, name: str, mistakes: dict[str, Message | Problem]) -> list[dict[str, str]]:
    links = []
    for line in filter(str.strip, fields.get(name, "").split("\n")):
        label, separator, url = line.rpartition("|")
        if not separator:
            mistakes[name] = _("“{line}” has no label; write it as “Label | https://address”.", line=line.strip())
        links.append({"label": label.strip() or url.strip(), "url": url.strip()})
    return links


def _parse_instant(text: str, zone: ZoneInfo, mistakes: dict[str, Message | Problem]) -> datetime | None:
    if not text:
        return None
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        mistakes["embargo_until"] = _(
            "“{text}” is not a date and time; write it like 2026-05-12T10:00.", text=text[:40]
        )
        return None
    if written.tzinfo is not None:
        return written
    instant = written.replace(tzinfo=zone)
    if (
        is_supported_day(instant)
        and (shown := instant.astimezone(UTC).astimezone(zone)).replace(tzinfo=None) != written
    ):
        mistakes["embargo_until"] = _(
            "There is no {time} on {day:day}, because the clocks go forward then; write {shown}.",
            time=f"{written:%H:%M}",
            day=written.date(),
            shown=f"{shown:%H:%M}",
        )
    return instant


def _prefixed_values(fields: Fields, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix) and value.strip()
    }


def _translation_values(
    fields: Fields, numbers: Sequence[int], mistakes: dict[str, Message | Problem]
) -> dict[str, dict[str, Any]]:
    """Collects the translations by language; a language whose fields are all empty is left out."""
    languages = {match[1] for name in fields if (match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-title", name))}
    translations = {}
    for language in sorted(languages):
        texts = {name: fields.get(f"tr-{language}-{name}", "") for name in TRANSLATED}
        links = _parse_links(fields, f"tr-{language}-links", mistakes)
        tags = _parse_tags(fields.get(f"tr-{language}-tags", ""))
        alt_texts = [fields.get(f"tr-{language}-alt-{number}", "") for number in numbers]
        if links or tags or any(text.strip() for text in (*texts.values(), *alt_texts)):
            translations[language] = {**texts, "alt_texts": alt_texts, "links": links, "tags": tags}
    return translations


def _image_values(fields: Fields, number: int, mistakes: dict[str, Message | Problem]) -> dict[str, Any]:
    def field(name: str) -> str:
        return fields.get(f"images-{number}-{name}", "").strip()

    choices: dict[str, Any] = {
        "window": window_value(field),
        "colour_channels": channel_values(field, _names_of(fields, number)),
        "padding": _padding(field("padding"), field("padding_colour")),
        "credit_strip": bool(field("credit_strip")),
    }
    try:
        choices |= {
            **_framing_values(field, ""),
            "channels": {channel: _framing_values(field, f":{channel}") for channel in framed_channels(fields, number)},
            "protected": [_parse_box(box) for box in field("protected").split(";") if box.strip()],
            "gutters": _parse_gutters(field("gutters")),
        }
    except ValueError:
        mistakes[f"images-{number}"] = _(
            "The boxes and points of this picture can't be read; write fractions such as 0.1, 0.2, 0.5, 0.5."
        )
    texts = {name: field(name) for name in IMAGE_TEXTS}
    return {"media": field("media"), **texts, "choices": choices}


def _names_of(fields: Fields, number: int) -> list[str]:
    prefix = f"images-{number}-"
    return [name.removeprefix(prefix) for name in fields if name.startswith(prefix)]


def _framing_values(field: Callable[[str], str], scope: str) -> dict[str, Any]:
    """Reads the framing for one channel, or for every channel. `scope`: what the names of its fields end with."""
    box = field(f"crop_box{scope}")
    return {
        "fit": field(f"fit{scope}") or None,
        "focal_point": _parse_fractions(field(f"focal_point{scope}")) or None,
        "crop_box": _parse_box(box) if box else None,
    }


def framed_channels(fields: Fields, number: int) -> list[str]:
    """Lists the channels that a picture of the form has fields of its own for, in the order of the fields."""
    pattern = re.compile(rf"images-{number}-(?:{'|'.join(FRAMING)}):(.+)")
    return list(dict.fromkeys(match[1] for name in fields if (match := pattern.fullmatch(name))))


def _padding(chosen: str, colour: str) -> str:
    return (colour if chosen == CUSTOM_COLOUR else chosen) or "edge"


def _parse_fractions(text: str) -> list[float]:
    return [float(part) for part in text.split(",") if part.strip()]


def _parse_box(text: str) -> dict[str, float]:
    left, top, width, height = _parse_fractions(text)
    return {"left": left, "top": top, "width": width, "height": height}


def _parse_gutters(text: str) -> list[float] | None:
    """Parses the cuts between panels. Empty: where the program finds them. `none`: nowhere."""
    if not text:
        return None
    return [] if text == "none" else _parse_fractions(text)


def _written_tags(tags: Iterable[str]) -> str:
    return ", ".join(tags)


def _written_links(links: Iterable[Mapping[str, str]]) -> str:
    return "\n".join(f"{link['label']} | {link['url']}" for link in links)


def fields_of_post(post: Post, languages: Iterable[str], zone: ZoneInfo) -> dict[str, str]:
    """Returns the form fields of a stored post."""
    fields = {name: str(getattr(post, name)) for name in TEXTS}
    fields |= {"tags": _written_tags(post.tags), "links": _written_links(post.links)}
    embargo = post.embargo_until
    fields["embargo_until"] = embargo.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if embargo else ""
    fields |= {f"caption-{channel}": caption for channel, caption in post.captions.items()}
    for language in languages:
        translation: Mapping[str, Any] = post.translations.get(language, {})
        fields |= {f"tr-{language}-{name}": translation.get(name) or "" for name in TRANSLATED}
        fields[f"tr-{language}-tags"] = _written_tags(translation.get("tags") or ())
        fields[f"tr-{language}-links"] = _written_links(translation.get("links") or ())
        alt_texts: Sequence[str] = translation.get("alt_texts") or ()
        fields |= {f"tr-{language}-alt-{number}": text for number, text in enumerate(alt_texts)}
    for number, image in enumerate(post.images):
        values = {
            "media": image.media_sha256,
            "alt_text": image.alt_text,
            "credit": image.credit,
            "licence": image.licence,
            "order": str(number + 1),
            **fields_of_choices(image.choices),
        }
        fields |= {f"images-{number}-{name}": value for name, value in values.items()}
    return fields


def fields_of_choices(choices: Mapping[str, Any]) -> dict[str, str]:
    """Returns the form fields of the choices for one picture."""
    gutters = choices.get("gutters")
    of_channels = {
        f"{name}:{channel}": value
        for channel, framing in (choices.get("channels") or {}).items()
        for name, value in _fields_of_framing(framing).items()
    }
    padding = choices.get("padding") or "edge"
    is_custom = padding.startswith("#")
    return {
        **_fields_of_framing(choices),
        **of_channels,
        **fields_of_channels(choices.get("colour_channels")),
        **fields_of_window(write_window(choices.get("window"))),
        "padding": CUSTOM_COLOUR if is_custom else padding,
        "padding_colour": padding if is_custom else DEFAULT_COLOUR,
        "credit_strip": "on" if choices.get("credit_strip") else "",
        "protected": "; ".join(_box_field(box) for box in choices.get("protected") or ()),
        "gutters": "" if gutters is None else _joined(gutters) or "none",
    }


def _fields_of_framing(framing: Mapping[str, Any]) -> dict[str, str]:
    return {
        "fit": framing.get("fit") or "",
        "focal_point": _joined(framing.get("focal_point") or ()),
        "crop_box": _box_field(framing["crop_box"]) if framing.get("crop_box") else "",
    }


def _box_field(box: Mapping[str, float]) -> str:
    return _joined(box[side] for side in ("left", "top", "width", "height"))


def _joined(numbers: Iterable[float]) -> str:
    return ", ".join(_exact(float(number)) for number in numbers)


def _exact(number: float) -> str:
    """Writes a number as short as it stays the same, so that a form that is saved as it is changes nothing."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def _mistake_text(error: Mapping[str, Any]) -> Message:
    """Says in a sentence what is wrong with a value. `error`: an error of pydantic."""
    if error["type"] == "string_too_short":
        return _("Write something.")
    cause = (error.get("ctx") or {}).get("error")
    text = cause.args[0] if isinstance(cause, ValueError) and cause.args else describe_limit(error) or error["msg"]
    return sentence_of(text)
