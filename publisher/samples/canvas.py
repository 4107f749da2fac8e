"""Draws what the sample pictures share: shapes, branches, clouds, light, grain and lettering."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence

import pyvips

Colour = tuple[float, float, float]
"""Red, green, blue; 1 is full."""

# Strokes on a grid: baseline at 0, small letters 10 high. Lettering of our own needs no font.
LETTERS: dict[str, tuple[float, str]] = {
    "a": (10, "M10 -5A5 5 0 1 0 0 -5A5 5 0 1 0 10 -5M10 -10V0"),
    "d": (10, "M10 -5A5 5 0 1 0 0 -5A5 5 0 1 0 10 -5M10 -16V0"),
    "e": (10, "M0 -5H10A5 5 0 1 0 8.5 -1.5"),
    "i": (0, "M0 -10V0M0 -14V-13.9"),
    "l": (0, "M0 -16V0"),
    "m": (16, "M0 0V-10M0 -6A4 4 0 0 1 8 -6V0M8 -6A4 4 0 0 1 16 -6V0"),
    "n": (9, "M0 0V-10M0 -5.5A4.5 4.5 0 0 1 9 -5.5V0"),
    "o": (10, "M10 -5A5 5 0 1 0 0 -5A5 5 0 1 0 10 -5"),
    "r": (6, "M0 0V-10M0 -5A5 5 0 0 1 6 -9.6"),
    "s": (8, "M7.5 -8C6 -11 .5 -10.5 .8 -7.3C1 -4.2 7.8 -5.8 8 -2.7C8 .8 2 .8 0 -2"),
    "t": (7, "M3 -15V-3A3 3 0 0 0 7 -.3M0 -10H7"),
    "x": (9, "M0 -10L9 0M9 -10L0 0"),
    "µ": (9, "M0 -10V5M0 -4A4.5 4.5 0 0 0 9 -4V-10V0"),
    "0": (9, "M9 -7.5A4.5 7.5 0 1 0 0 -7.5A4.5 7.5 0 1 0 9 -7.5"),
    "5": (9, "M8 -15H1.5L1 -8.6C3 -10.4 9 -10.4 9 -4.8C9 .8 2 1.4 0 -2"),
    " ": (4, ""),
}


def render_shapes(width: int, height: int, drawn: Iterable[str], *, definitions: str = "") -> pyvips.Image:
    """Renders SVG shapes as an image of four bands: red, green, blue and alpha."""
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}"><defs>{definitions}</defs>{"".join(drawn)}</svg>'
    )
    return pyvips.Image.svgload_buffer(text.encode(), unlimited=True)


def glow(width: int, height: int, drawn: Iterable[str]) -> pyvips.Image:
    """Renders white shapes on black as light: one band, 0 to 1."""
    return (render_shapes(width, height, drawn).flatten(background=0)[1] / 255).copy_memory()


def line(points: Sequence[tuple[float, float]], width: float, opacity: float = 1.0, colour: str = "#fff") -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return (
        f'<path d="M{path}" fill="none" stroke="{colour}" stroke-opacity="{opacity:.2f}" '
        f'stroke-width="{width:.1f}" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def blob(
    rng: random.Random, x: float, y: float, radii: tuple[float, float], *, rough: float = 0.08, turn: float = 0.0
) -> str:
    """Draws the outline of a soft, uneven ellipse, as the `d` of a path."""
    corners = 10
    ring = []
    for corner in range(corners):
        angle = math.tau * corner / corners
        reach = 1 + rng.uniform(-rough, rough)
        along, across = radii[0] * reach * math.cos(angle), radii[1] * reach * math.sin(angle)
        ring.append(
            (
                x + along * math.cos(turn) - across * math.sin(turn),
                y + along * math.sin(turn) + across * math.cos(turn),
            )
        )
    return smooth(ring)


def smooth(ring: Sequence[tuple[float, float]]) -> str:
    """Draws a closed curve through the middles of a ring's sides."""
    middles = [
        ((x + next_x) / 2, (y + next_y) / 2)
        for (x, y), (next_x, next_y) in zip(ring, (*ring[1:], ring[0]), strict=True)
    ]
    path = f"M{middles[-1][0]:.1f} {middles[-1][1]:.1f}"
    for (x, y), (to_x, to_y) in zip(ring, middles, strict=True):
        path += f"Q{x:.1f} {y:.1f} {to_x:.1f} {to_y:.1f}"
    return path + "Z"


def branches(
    rng: random.Random, start: tuple[float, float], angle: float, *, length: float, width: float, forks: int
) -> Iterator[tuple[list[tuple[float, float]], float]]:
    """Draws a process of a nerve cell: wandering, tapering pieces with their widths, which fork `forks` times."""
    (x, y), points, steps = start, [start], 7
    for step in range(steps):
        angle += rng.gauss(0, 0.13)
        x, y = x + math.cos(angle) * length / steps, y + math.sin(angle) * length / steps
        points.append((x, y))
        yield points[-2:], width * (1 - 0.35 * step / steps)
    if forks:
        for side in (-1, 1):
            yield from branches(
                rng,
                (x, y),
                angle + side * rng.uniform(0.2, 0.6),
                length=length * rng.uniform(0.6, 0.9),
                width=width * 0.62,
                forks=forks - 1,
            )


def scatter(rng: random.Random, count: int, size: tuple[int, int], apart: float) -> list[tuple[float, float]]:
    """Chooses up to `count` places within `size` that keep a distance from each other."""
    places: list[tuple[float, float]] = []
    for _ in range(count * 40):
        place = (rng.uniform(0, size[0]), rng.uniform(0, size[1]))
        if len(places) < count and all(math.dist(place, other) >= apart for other in places):
            places.append(place)
    return places


def clouds(width: int, height: int, cell: int, seed: int) -> pyvips.Image:
    """Makes soft random variation in one band, about -1 to 1, in three octaves."""
    octaves = [
        pyvips.Image.perlin(width, height, cell_size=max(cell >> octave, 4), seed=seed + octave) / (1 << octave)
        for octave in range(3)
    ]
    return octaves[0] + octaves[1] + octaves[2]


def haze(light: pyvips.Image, spread: int) -> pyvips.Image:
    """Makes the light of what is out of focus: `light`, blurred over `spread` pixels."""
    shrunk = 8
    soft = light.shrink(shrunk, shrunk).gaussblur(spread / shrunk)
    return soft.resize(light.width / soft.width, vscale=light.height / soft.height, kernel="cubic")


def tint(light: pyvips.Image, colour: Colour) -> pyvips.Image:
    return light * list(colour)


def expose(light: pyvips.Image, seed: int, *, grain: float = 0.04) -> pyvips.Image:
    """Turns light into an 8-bit photograph, with soft highlights and grain."""
    film = 1 - (light * -1.6).exp()
    noise = pyvips.Image.gaussnoise(light.width, light.height, mean=0, sigma=1, seed=seed)
    for band in range(1, light.bands):
        noise = noise.bandjoin(
            pyvips.Image.gaussnoise(light.width, light.height, mean=0, sigma=1, seed=seed + 100 + band)
        )
    grainy = film + noise * ((film + 0.01) ** 0.5) * grain
    return (grainy * 255).rint().cast("uchar").copy(interpretation="srgb" if light.bands == 3 else "b-w")


def letter_strokes(text: str, x: float, y: float, size: float, colour: str = "#223") -> str:
    """Draws text in strokes; `size` is the height of a small letter in pixels."""
    scale, at, drawn = size / 10, 0.0, []
    for letter in text:
        advance, path = LETTERS[letter]
        if path:
            drawn.append(f'<path d="{path}" transform="translate({at:.1f} 0)"/>')
        at += advance + 4
    return (
        f'<g transform="translate({x:.1f} {y:.1f}) scale({scale:.2f})" fill="none" stroke="{colour}" '
        f'stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">{"".join(drawn)}</g>'
    )
