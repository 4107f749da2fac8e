"""Plans how each picture of a post is shown on one channel, without decoding it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from publisher.adapt.images.boxes import are_apart, column_box, is_inside, place_window
from publisher.adapt.images.geometry import STRIP_SHARE, lay_out
from publisher.adapt.problem_codes import ShowingProblem
from publisher.core.colour_channels import merge_of
from publisher.core.content import (
    RENDITION_RECIPE,
    AdaptedImage,
    Box,
    ContentProblem,
    Fit,
    Frozen,
    RenditionSpec,
    SourceImage,
)
from publisher.core.problems import Problem
from publisher.core.value_range import window_of
from publisher.platforms.profiles import ImageLimits

MIN_SEEN_SIDE, MIN_SEEN_LONGER_SIDE = 100, 200
"""A picture of which followers see fewer pixels is a remark: on its shorter side, or on its longer one."""
TILE_OVERLAP = 0.06
"""Neighbouring tiles of a picture without gaps share this part of their width."""

_RATIO_MARGIN = 0.002
"""A ratio is aimed so far inside a bound when whole pixels would round it across the bound."""
_TOLERANCE = 1e-6
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class MediaText(Frozen):
    """Holds the texts of a rendition's metadata."""

    creator: str = ""
    copyright: str = ""
    description: str = ""


def media_text_of(image: SourceImage) -> MediaText:
    """Makes the metadata from what staff wrote beside the picture."""
    notice = f"{image.credit} ({image.licence})" if image.credit and image.licence else image.credit or image.licence
    return MediaText(creator=image.credit, copyright=notice, description=image.alt_text)


@dataclass(frozen=True, slots=True)
class _Slide:
    """Describes one picture of the finished post: the part that is shown, and its canvas."""

    image: SourceImage
    fit: Fit
    alt_text: str
    crop: Box | None = None
    ratio: float | None = None
    animated: bool = False
    strip: str = ""
    padding: str = "edge"

    @property
    def size(self) -> tuple[int, int]:
        """Returns the size of the shown part, in pixels of the original."""
        crop = self.crop or Box(left=0, top=0, width=1, height=1)
        return max(1, round(crop.width * self.image.width)), max(1, round(crop.height * self.image.height))

    @property
    def shape(self) -> float:
        """Returns width over height of what is shown, the credit strip included."""
        width, height = self.size
        return width / (height + (STRIP_SHARE * width if self.strip else 0))


def plan_images(
    images: Sequence[SourceImage],
    limits: ImageLimits,
    *,
    fit: Fit | None = None,
    media_text: Callable[[SourceImage], MediaText] = media_text_of,
    platform: str = "",
) -> tuple[tuple[AdaptedImage, ...], tuple[ContentProblem, ...]]:
    """Plans the renditions for a channel with these limits, in order, and lists what staff must know about them.

    What staff chose for a picture comes before `fit`, the channel's habit, and that before the
    platform's. Nothing is enlarged, and nothing is cut off unless `crop` or `split` says so.
    `platform`: its name for people.
    """
    slides: list[_Slide] = []
    problems: list[ContentProblem] = []
    for index, image in enumerate(images):
        planner = _Planner(index, image, limits, media_text(image), alone=len(images) == 1)
        slides += planner.slides(_choose_fit(image, fit or limits.fit))
        problems += planner.problems
    problems += _count_problems(len(images), len(slides), limits)
    slides = slides[: limits.maximum]
    if limits.same_ratio_as_first and len(slides) > 1:
        first = slides[0].ratio or slides[0].shape
        slides = [_with_ratio(slide, first) for slide in slides]
    problems += _small_problems(images, slides, limits, platform)
    share = limits.max_total_bytes // len(slides) if limits.max_total_bytes and slides else None
    adapted = [_adapt_slide(slide, limits, share, media_text(slide.image)) for slide in slides]
    return tuple(adapted), tuple(problems)


def _choose_fit(image: SourceImage, habit: Fit) -> Fit:
    if image.choices.fit is not None:
        return image.choices.fit
    return "crop" if image.choices.crop_box is not None else habit


def _with_ratio(slide: _Slide, ratio: float) -> _Slide:
    return replace(slide, ratio=ratio, animated=False)


def _count_problems(pictures: int, shown: int, limits: ImageLimits) -> list[ContentProblem]:
    if pictures < limits.minimum:
        return [ContentProblem(field="images", problem=ShowingProblem.TOO_FEW_PICTURES(count=limits.minimum))]
    if shown <= limits.maximum:
        return []
    code = ShowingProblem.TOO_MANY_PICTURES if shown == pictures else ShowingProblem.TOO_MANY_PANELS
    return [ContentProblem(field="images", problem=code(count=limits.maximum, shown=shown), blocking=False)]


def _small_problems(
    images: Sequence[SourceImage], slides: Sequence[_Slide], limits: ImageLimits, platform: str
) -> list[ContentProblem]:
    """Tells of pictures that followers see very small, by the part of each that they see largest."""
    problems = []
    for number, image in enumerate(images, start=1):
        seen = [_seen_size(slide, limits) for slide in slides if slide.image is image]
        width, height = max(seen, key=min, default=(MIN_SEEN_LONGER_SIDE, MIN_SEEN_LONGER_SIDE))
        if min(width, height) < MIN_SEEN_SIDE or max(width, height) < MIN_SEEN_LONGER_SIDE:
            small = ShowingProblem.SEEN_SMALL(picture=number, platform=platform, width=width, height=height)
            problems.append(ContentProblem(field=f"images[{number - 1}].fit", problem=small, blocking=False))
    return problems


def _seen_size(slide: _Slide, limits: ImageLimits) -> tuple[int, int]:
    """Returns the pixels of the picture itself, without its padding, in the column in which followers see it."""
    bounds = limits.animation if slide.animated and limits.animation else limits
    strip = bool(slide.strip)
    made = lay_out(
        *slide.size, max_width=bounds.max_width, max_height=bounds.max_height, ratio=slide.ratio, strip=strip
    )
    scale = min(1.0, limits.feed_width / made.canvas_width)
    if limits.feed_height is not None:
        scale = min(scale, limits.feed_height / made.canvas_height)
    return max(1, round(made.width * scale)), max(1, round(made.height * scale))


def _adapt_slide(slide: _Slide, limits: ImageLimits, share: int | None, text: MediaText) -> AdaptedImage:
    """Specifies the rendition of a slide within the limits of its kind and, where pictures share bytes, its share."""
    choices = slide.image.choices
    channels = merge_of(slide.image.colour_channels, choices.colour_channels or (), choices.window)
    bounds = limits.animation if slide.animated and limits.animation else limits
    spec = RenditionSpec(
        source=slide.image.media,
        formats=limits.formats,
        max_bytes=bounds.max_bytes if share is None else min(bounds.max_bytes, share),
        max_width=bounds.max_width,
        max_height=bounds.max_height,
        canvas_ratio=slide.ratio,
        fit=slide.fit,
        crop=slide.crop,
        padding=slide.padding,
        window="full" if channels else window_of(choices.window, slide.image.values),
        channels=channels,
        animated=slide.animated,
        creator=text.creator,
        copyright=text.copyright,
        description=text.description,
        credit_strip=slide.strip,
        recipe=RENDITION_RECIPE,
    )
    return AdaptedImage(spec=spec, alt_text=slide.alt_text)


class _Planner:
    """Plans one picture and collects its problems."""

    def __init__(self, index: int, image: SourceImage, limits: ImageLimits, text: MediaText, *, alone: bool) -> None:
        self.index = index
        self.image = image
        self.limits = limits
        self.alone = alone
        self.strip = (text.copyright or text.creator) if image.choices.credit_strip else ""
        self.problems: list[ContentProblem] = []

    def slides(self, fit: Fit) -> list[_Slide]:
        if self.image.choices.credit_strip and not self.strip:
            self._add_problem("credit", ShowingProblem.CREDIT_STRIP_EMPTY())
        padding = self._padding()
        return [replace(slide, padding=padding) for slide in self._fit(fit)]

    def _fit(self, fit: Fit) -> list[_Slide]:
        if self._can_keep_animation():
            return [_Slide(self.image, "as-is", self.image.alt_text, animated=True)]
        if fit == "crop":
            return [self._crop()]
        if fit == "split":
            return self._split()
        if fit == "as-is":
            return [self._as_is()]
        return [self._with_allowed_ratio(_Slide(self.image, "pad", self.image.alt_text, strip=self.strip))]

    def _add_problem(self, field: str, problem: Problem, *, blocking: bool = True) -> None:
        place = f"images[{self.index}].{field}"
        self.problems.append(ContentProblem(field=place, problem=problem, blocking=blocking))

    def _padding(self) -> str:
        chosen = self.image.choices.padding
        if chosen in ("edge", "blur") or _COLOUR.fullmatch(chosen):
            return chosen
        self._add_problem("padding", ShowingProblem.PADDING_UNKNOWN(padding=chosen))
        return "edge"

    def _can_keep_animation(self) -> bool:
        if self.image.frames == 1:
            return False
        if self.image.format not in ("gif", "webp"):
            # That only the first page is shown is told once, by the examination of the file.
            return False
        why = self._why_still()
        if why:
            self._add_problem("media", why, blocking=False)
        return why is None

    def _why_still(self) -> Problem | None:
        """Returns why the channel can't show the animation; None if it can."""
        animation = self.limits.animation
        if animation is None or not {"gif", self.image.format} & set(self.limits.formats):
            return ShowingProblem.ANIMATION_NOT_TAKEN()
        if animation.alone and not self.alone:
            return ShowingProblem.ANIMATION_NOT_ALONE()
        if animation.max_frames is not None and self.image.frames > animation.max_frames:
            return ShowingProblem.ANIMATION_TOO_LONG(maximum=animation.max_frames, frames=self.image.frames)
        allowed = self._allows_ratio(self.image.width / self.image.height)
        return None if allowed else ShowingProblem.ANIMATION_SHAPE()

    def _allows_ratio(self, ratio: float) -> bool:
        return self._crossed_bound(ratio) is None

    def _crossed_bound(self, ratio: float) -> float | None:
        """Returns the nearest ratio that the channel takes, or None if it takes this one."""
        if self.limits.max_ratio is not None and ratio > self.limits.max_ratio + _TOLERANCE:
            return self.limits.max_ratio
        if self.limits.min_ratio is not None and ratio < self.limits.min_ratio - _TOLERANCE:
            return self.limits.min_ratio
        return None

    def _with_allowed_ratio(self, slide: _Slide) -> _Slide:
        """Returns the slide with a canvas inside the channel's ratios, in whole pixels too."""
        bound = self._crossed_bound(slide.shape)
        if bound is None:
            finished = lay_out(
                *slide.size, max_width=self.limits.max_width, max_height=self.limits.max_height, strip=bool(self.strip)
            )
            crossed = self._crossed_bound(finished.ratio)
            if crossed is None:
                return slide
            bound = crossed * (1 - _RATIO_MARGIN if finished.ratio > crossed else 1 + _RATIO_MARGIN)
        return replace(slide, ratio=bound)

    def _as_is(self) -> _Slide:
        slide = _Slide(self.image, "as-is", self.image.alt_text, strip=self.strip)
        if not self._allows_ratio(slide.shape):
            is_wide = self._crossed_bound(slide.shape) == self.limits.max_ratio
            self._add_problem("fit", ShowingProblem.TOO_WIDE() if is_wide else ShowingProblem.TOO_TALL())
        return slide

    def _crop(self) -> _Slide:
        box = self.image.choices.crop_box or self._focal_box()
        slide = self._with_allowed_ratio(_Slide(self.image, "crop", self.image.alt_text, box, strip=self.strip))
        if box is not None and not all(is_inside(box, protected) for protected in self.image.choices.protected):
            self._add_problem("fit", ShowingProblem.PROTECTED_PART_CROPPED())
        return slide

    def _focal_box(self) -> Box | None:
        """Returns the largest part of a ratio that the channel takes, around the focal point."""
        ratio = self.image.width / self.image.height
        bound = self._crossed_bound(_Slide(self.image, "crop", "", strip=self.strip).shape)
        if bound is None:
            return None
        if self.strip:
            bound = 1 / (1 / bound - STRIP_SHARE)
        width, height = (bound / ratio, 1.0) if ratio > bound else (1.0, ratio / bound)
        x, y = self.image.choices.focal_point or (0.5, 0.5)
        protected = self.image.choices.protected
        left = place_window(x - width / 2, width, [(box.left, box.left + box.width) for box in protected])
        top = place_window(y - height / 2, height, [(box.top, box.top + box.height) for box in protected])
        return Box(left=left, top=top, width=width, height=height)

    def _split(self) -> list[_Slide]:
        """Plans the whole picture, then its panels."""
        whole = self._with_allowed_ratio(_Slide(self.image, "split", self.image.alt_text, strip=self.strip))
        boxes = self._panels()
        if boxes is None:
            return [whole]
        if not all(
            is_inside(box, kept) or are_apart(box, kept) for box in boxes for kept in self.image.choices.protected
        ):
            self._add_problem("gutters", ShowingProblem.PROTECTED_PART_SPLIT())
        panels = [
            self._with_allowed_ratio(_Slide(self.image, "split", f"{self.image.alt_text} ({number}/{len(boxes)})", box))
            for number, box in enumerate(boxes, start=1)
        ]
        return [whole, *panels]

    def _panels(self) -> list[Box] | None:
        """Returns the parts of a picture that is split, or None if it stays whole. Adds a problem that says why."""
        if self.limits.maximum == 1:
            self._add_problem("fit", ShowingProblem.NOT_SPLIT_ALONE(), blocking=False)
            return None
        cuts = self.image.choices.gutters if self.image.choices.gutters is not None else self.image.gutters
        if cuts:
            edges = [0.0, *sorted(cuts), 1.0]
            return [column_box(left, right) for left, right in pairwise(edges) if right > left]
        tiles = self._tiles()
        if len(tiles) == 1:
            self._add_problem("fit", ShowingProblem.NOT_SPLIT_WITHOUT_GAPS(), blocking=False)
            return None
        self._add_problem("gutters", ShowingProblem.SPLIT_INTO_TILES(tiles=len(tiles)), blocking=False)
        return tiles

    def _tiles(self) -> list[Box]:
        """Returns equal tiles, as few as the channel's widest ratio allows."""
        if self.limits.max_ratio is None:
            return [column_box(0, 1)]
        number = math.ceil(self.image.width / self.image.height / self.limits.max_ratio - _TOLERANCE)
        width = 1 / (number - TILE_OVERLAP * (number - 1))
        starts = [tile * width * (1 - TILE_OVERLAP) for tile in range(number)]
        return [column_box(start, min(1.0, start + width)) for start in starts]
