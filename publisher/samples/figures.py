"""Draws pictures on white or transparent ground: a line drawing, stained tissue, an invented virus."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pyvips

from publisher.samples.canvas import blob, branches, clouds, letter_strokes, line, render_shapes, scatter, smooth

INK = "#1d2430"


def neuron(seed: int = 5) -> pyvips.Image:
    """Draws a nerve cell in ink, 2400 x 1600, with labels and a scale bar."""
    width, height = 2400, 1600
    rng = random.Random(seed)  # noqa: S311 - pictures, no secrets
    soma = (820.0, 820.0)
    drawn = ['<rect width="100%" height="100%" fill="#fdfcf8"/>']
    for angle in (-1.25, -1.9, -2.6, 2.75, 2.15, 1.45):
        reach = branches(rng, soma, angle, length=230, width=19, forks=4)
        drawn.extend(line(points, max(stroke, 2.2), colour=INK) for points, stroke in reach)
    axon = [(820 + step * 62, 820 + 46 * math.sin(step / 3.1) + step * 3) for step in range(18)]
    drawn.append(line(axon, 8, colour=INK))
    for number in range(2, 17, 2):
        drawn.append(line(axon[number : number + 2], 26, colour="#6f7f95"))
    for angle in (-0.7, -0.15, 0.35, 0.85):
        for points, stroke in branches(rng, axon[-1], angle, length=120, width=7, forks=2):
            drawn.append(line(points, max(stroke, 2.6), colour=INK))
            drawn.append(
                f'<circle cx="{points[1][0]:.1f}" cy="{points[1][1]:.1f}" r="{stroke * 0.62:.1f}" fill="{INK}"/>'
            )
    drawn.append(f'<path d="{blob(rng, *soma, (92, 78))}" fill="{INK}"/>')
    drawn.append(
        f'<circle cx="{soma[0]}" cy="{soma[1]}" r="30" fill="#fdfcf8"/><circle cx="826" cy="814" r="9" fill="{INK}"/>'
    )
    drawn.extend(_labels())
    return render_shapes(width, height, drawn).flatten(background=255).copy(interpretation="srgb")


def _labels() -> Iterator[str]:
    for text, x, y, leader in (
        ("dendrites", 1190, 160, [(1165, 152), (990, 235)]),
        ("soma", 1080, 620, [(1060, 612), (900, 770)]),
        ("axon", 1330, 1080, [(1370, 1040), (1370, 900)]),
        ("terminals", 2010, 430, [(2080, 455), (2060, 620)]),
    ):
        yield letter_strokes(text, x, y, 26, INK)
        yield line(leader, 3, colour="#8a94a6")
    yield line([(2000, 1470), (2260, 1470)], 12, colour=INK)
    yield letter_strokes("50 µm", 2064, 1436, 24, INK)


def colon(seed: int = 71, *, magnified: float = 1.0) -> pyvips.Image:
    """Draws stained tissue, 2400 x 1800: glands cut across, purple nuclei, pink fibres between them."""
    width, height = 2400, 1800
    rng = random.Random(seed)  # noqa: S311 - pictures, no secrets
    waves = clouds(width, height, round(420 * magnified), seed) * 700
    fine = clouds(width // 6, height, round(22 * magnified), seed + 9).resize(6, vscale=1)
    strands = fine * 0.09 + (waves * 1.6).sin() * 0.035
    stroma = (strands + 0.93) * [243, 193, 213]
    between = [
        f'<path d="{blob(rng, x, y, (20 * magnified, 7.5 * magnified), turn=rng.uniform(0, math.pi))}" '
        f'fill="{rng.choice(("#6d4a97", "#7c5aa6", "#5b3d87"))}" fill-opacity=".85"/>'
        for x, y in scatter(rng, round(520 / magnified**2), (width, height), 44 * magnified)
    ]
    places = scatter(rng, round(30 / magnified**2), (width, height), 345 * magnified)
    glands = [part for x, y in places for part in _gland(rng, x, y, magnified)]
    drawing = render_shapes(width, height, [*between, *glands]).gaussblur(1.1 * magnified)
    stained = stroma.cast("uchar").copy(interpretation="srgb").composite(drawing, "over").flatten()
    grain = pyvips.Image.gaussnoise(width, height, mean=0, sigma=3.2, seed=seed)
    patches = clouds(width, height, 30, seed + 4) * 7
    return (stained + grain + patches).cast("uchar").copy(interpretation="srgb")


def _gland(rng: random.Random, x: float, y: float, scale: float) -> Iterator[str]:
    turn, oval = rng.uniform(0, math.pi), rng.uniform(0.62, 1.0)
    outer = rng.uniform(118, 158) * scale
    yield f'<path d="{blob(rng, x, y, (outer * 1.14, outer * 1.14 * oval), turn=turn, rough=0.04)}" fill="#f6e3ea"/>'
    yield f'<path d="{blob(rng, x, y, (outer, outer * oval), turn=turn, rough=0.04)}" fill="#dca0c4"/>'
    cells = 30
    for cell in range(cells):
        angle = math.tau * cell / cells + rng.uniform(-0.04, 0.04)

        def at(reach: float, angle: float = angle) -> tuple[float, float]:
            along, across = reach * math.cos(angle), reach * oval * math.sin(angle)
            return (
                x + along * math.cos(turn) - across * math.sin(turn),
                y + along * math.sin(turn) + across * math.cos(turn),
            )

        purple = rng.choice(("#4b2f7d", "#583a8c", "#65469a"))
        nucleus = blob(rng, *at(outer * 0.88), (19 * scale, 10.5 * scale), turn=turn + angle)
        yield f'<path d="{nucleus}" fill="{purple}"/>'
        if rng.random() < 0.55:
            mucus = blob(rng, *at(outer * 0.58), (24 * scale, 13 * scale), turn=turn + angle)
            yield f'<path d="{mucus}" fill="#efe3f4"/>'
    lumen = [
        (x + math.cos(a) * outer * rng.uniform(0.16, 0.34), y + math.sin(a) * outer * rng.uniform(0.16, 0.34))
        for a in (math.tau * corner / 12 for corner in range(12))
    ]
    yield f'<path d="{smooth(lumen)}" fill="#fbf6f9"/>'


def capsid(seed: int = 97) -> pyvips.Image:
    """Draws an invented virus, 1800 x 1800, on a transparent ground: a sphere of knobs and spikes."""
    size, radius, count = 1800, 560.0, 260
    rng = random.Random(seed)  # noqa: S311 - pictures, no secrets
    knobs = []
    for number in range(count):
        z = 1 - 2 * (number + 0.5) / count
        turn = number * math.pi * (3 - math.sqrt(5))
        ring = math.sqrt(1 - z * z)
        place = (z, ring * math.cos(turn), ring * math.sin(turn))
        knobs.append((place, number % 9 == 0, rng.uniform(0.93, 1.07)))
    back = [part for knob in sorted(knobs) if knob[0][0] < 0 and knob[1] for part in _knob(size, radius, *knob)]
    body = f'<circle cx="{size / 2}" cy="{size / 2}" r="{radius * 0.99}" fill="url(#body)"/>'
    front = [part for knob in sorted(knobs) if knob[0][0] >= 0 for part in _knob(size, radius, *knob)]
    return render_shapes(size, size, [*back, body, *front], definitions=_GRADIENTS).copy(interpretation="srgb")


_GRADIENTS = "".join(
    f'<radialGradient id="{name}" cx=".36" cy=".32" r=".75"><stop offset="0" stop-color="{light}"/>'
    f'<stop offset=".55" stop-color="{middle}"/><stop offset="1" stop-color="{dark}"/></radialGradient>'
    for name, light, middle, dark in (
        ("body", "#5f9fb0", "#24566e", "#0e2a40"),
        ("knob", "#bfeee2", "#3f9fa3", "#175068"),
        ("spike", "#ffe0b0", "#f08a4b", "#9c3328"),
    )
)


def _knob(size: int, radius: float, place: tuple[float, float, float], spiked: bool, reach: float) -> Iterator[str]:
    z, across, down = place
    x, y = size / 2 + radius * across, size / 2 + radius * down
    if not spiked:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{(34 + 22 * z) * reach:.1f}" fill="url(#knob)"/>'
        return
    tip = (size / 2 + radius * 1.36 * across * reach, size / 2 + radius * 1.36 * down * reach)
    yield line([(x, y), tip], 17 + 5 * z, colour="#8c3a33")
    yield f'<circle cx="{tip[0]:.1f}" cy="{tip[1]:.1f}" r="{36 + 14 * z:.1f}" fill="url(#spike)"/>'
