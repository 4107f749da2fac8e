"""Draws pictures like those of a fluorescence microscope and a scanner: light on black."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import pyvips

from publisher.samples.canvas import blob, branches, clouds, expose, glow, haze, line, scatter, tint


def cells(seed: int = 11) -> pyvips.Image:
    """Draws cells in culture, 2000 x 1500: blue nuclei, green microtubules, red fibres."""
    width, height = 2000, 1500
    rng = random.Random(seed)  # noqa: S311 - pictures, no secrets
    places = scatter(rng, 15, (width, height), 340)
    nuclei: list[str] = []
    tubules: list[str] = []
    fibres: list[str] = []
    for x, y in places:
        turn = rng.uniform(0, math.pi)
        nuclei.append(f'<path d="{blob(rng, x, y, (82, 60), turn=turn)}" fill="#fff" fill-opacity=".9"/>')
        tubules.extend(_tubules(rng, x, y, turn))
        fibres.extend(_fibres(rng, x, y, turn))
    chromatin = clouds(width, height, 24, seed) * 0.35 + 0.8
    blue = glow(width, height, nuclei).gaussblur(3) * chromatin
    outside = 1 - glow(width, height, nuclei).gaussblur(6) * 0.9
    green = glow(width, height, tubules).gaussblur(1.1) * outside
    red = glow(width, height, fibres).gaussblur(1.4) * outside
    light = tint(blue, (0.1, 0.26, 1.7)) + tint(green, (0.05, 1.25, 0.35)) + tint(red, (1.5, 0.12, 0.3))
    return _photograph(light, seed)


def _photograph(light: pyvips.Image, seed: int) -> pyvips.Image:
    steady = light.copy_memory()
    return expose(steady + haze(steady, 28) * 0.5 + 0.004, seed)


def _tubules(rng: random.Random, x: float, y: float, turn: float) -> Iterator[str]:
    for _ in range(110):
        angle, reach = rng.uniform(0, math.tau), rng.uniform(150, 280)
        stretch = 1 + 0.5 * abs(math.cos(angle - turn))
        bend = rng.gauss(0, 0.5)
        points = []
        for step in range(9):
            along = 30 + (reach * stretch - 30) * step / 8
            points.append(
                (x + along * math.cos(angle + bend * step / 8), y + along * math.sin(angle + bend * step / 8))
            )
        yield line(points, rng.uniform(1.6, 3), rng.uniform(0.2, 0.6))


def _fibres(rng: random.Random, x: float, y: float, turn: float) -> Iterator[str]:
    for _ in range(34):
        off, half = rng.gauss(0, 95), rng.uniform(120, 290)
        lean = turn + rng.gauss(0, 0.07)
        middle = (x - off * math.sin(turn), y + off * math.cos(turn))
        ends = [
            (middle[0] + side * half * math.cos(lean), middle[1] + side * half * math.sin(lean))
            for side in (-1, 0.2, 1)
        ]
        yield line(ends, rng.uniform(2, 5), rng.uniform(0.15, 0.55))


def astrocytes(seed: int = 23) -> pyvips.Image:
    """Draws two panels side by side with a pale gutter, 3000 x 1000: star-shaped cells, at rest and swollen."""
    gutter, panel = 24, 1488
    at_rest = _astrocyte_panel(panel, 1000, seed, count=7, thickness=7.0)
    swollen = _astrocyte_panel(panel, 1000, seed + 1, count=11, thickness=14.0)
    pale = pyvips.Image.black(gutter, 1000, bands=3).linear(1, [246, 245, 240]).cast("uchar")
    return at_rest.join(pale.copy(interpretation="srgb"), "horizontal").join(swollen, "horizontal")


def _astrocyte_panel(width: int, height: int, seed: int, *, count: int, thickness: float) -> pyvips.Image:
    rng = random.Random(seed)  # noqa: S311 - pictures, no secrets
    processes, nuclei = [], []
    for x, y in scatter(rng, count, (width, height), 260):
        nuclei.append(f'<path d="{blob(rng, x, y, (26, 22))}" fill="#fff"/>')
        processes.append(f'<path d="{blob(rng, x, y, (thickness * 3.4, thickness * 3))}" fill="#fff"/>')
        arms = rng.randint(7, 9)
        for arm in range(arms):
            angle = math.tau * (arm + rng.uniform(-0.3, 0.3)) / arms
            for points, stroke in branches(rng, (x, y), angle, length=105, width=thickness, forks=3):
                processes.append(line(points, stroke, 0.85))
    others = [
        f'<path d="{blob(rng, x, y, (19, 15), turn=rng.uniform(0, 3))}" fill="#fff" fill-opacity=".6"/>'
        for x, y in scatter(rng, 55, (width, height), 90)
    ]
    gold = glow(width, height, processes).gaussblur(1.3) * (clouds(width, height, 60, seed) * 0.25 + 0.85)
    blue = glow(width, height, nuclei).gaussblur(2.5) + glow(width, height, others).gaussblur(5) * 0.6
    light = tint(gold, (1.3, 0.72, 0.1)) + tint(blue, (0.1, 0.35, 1.3))
    return _photograph(light, seed)


def root(seed: int = 37) -> pyvips.Image:
    """Draws the tip of a root, upright, 1400 x 2800: files of cells, their walls and nuclei."""
    width, height = 1400, 2800
    rng = random.Random(seed)  # noqa: S311 - pictures, no secrets
    outer: list[str] = []
    inner: list[str] = []
    nuclei: list[str] = []
    files = 13
    edges = [-1 + 2 * edge / files for edge in range(files + 1)]
    for number, (left, right) in enumerate(itertools.pairwise(edges)):
        walls = inner if 4 <= number <= 8 else outer
        y = 2560.0 - 260 * abs(left + right) ** 2.2 / 2**2.2 + rng.uniform(-20, 20)
        while y > -200:
            tall = 46 + 95 * max(0.0, (1900 - y) / 1900) ** 1.6 + rng.uniform(-9, 9)
            corners = [(left, y), (right, y), (right, y - tall), (left, y - tall)]
            at = [(_root_x(u, v), v) for u, v in corners]
            walls.append(line([*at, at[0]], 5.5, 0.85))
            middle = (_root_x((left + right) / 2, y - tall / 2), y - tall / 2)
            nuclei.append(
                f'<path d="{blob(rng, *middle, (15, 14))}" fill="#fff" fill-opacity="{rng.uniform(0.5, 1):.2f}"/>'
            )
            y -= tall
    cap = list(_root_cap(rng))
    green = glow(width, height, outer).gaussblur(1.6)
    pink = glow(width, height, inner).gaussblur(1.6)
    gold = glow(width, height, nuclei).gaussblur(2.4)
    teal = glow(width, height, cap).gaussblur(2.2)
    light = (
        tint(green, (0.06, 1.0, 0.5))
        + tint(pink, (1.25, 0.15, 0.95))
        + tint(gold, (0.85, 0.6, 0.1))
        + tint(teal, (0.05, 0.65, 0.95))
    )
    uneven = clouds(width, height, 300, seed) * 0.25 + 0.9
    return _photograph(light * uneven, seed)


def _root_cap(rng: random.Random) -> Iterator[str]:
    """Draws loose cells in layers around the tip, fewer in each."""
    for layer in range(5):
        cells = 13 - 2 * layer
        for cell in range(cells):
            u = (-1 + 2 * (cell + 0.5) / cells) * (1.02 - 0.13 * layer)
            y = 2590 - 260 * abs(u) ** 2.2 + layer * 36
            at = (_root_x(u, min(y, 2560)), y)
            outline = blob(rng, *at, (rng.uniform(34, 44), 24), turn=u * -0.9)
            yield f'<path d="{outline}" fill="#fff" fill-opacity=".16" stroke="#fff" stroke-width="4.5"/>'


def _root_x(u: float, y: float) -> float:
    """Returns the x position in the root: u runs from -1 to 1 between its sides, which close in a dome at the tip."""
    dome = math.sqrt(max(0.0, 1 - (max(y - 1750, 0) / 1000) ** 2.6))
    return 700 + 40 * math.sin(y / 620) + u * 470 * (0.12 + 0.88 * dome)


def bone(seed: int = 53) -> pyvips.Image:
    """Draws spongy bone in a scanner, 1600 x 1600: grey, 16 bits per pixel of which 12 are used."""
    size = 1600
    sheets = [pyvips.Image.perlin(size, size, cell_size=cell, seed=seed + cell).abs() for cell in (190, 120)]
    struts = ((sheets[0] * -11).exp() + (sheets[1] * -13).exp() * 0.8).gaussblur(2.2)
    depth = struts.gaussblur(9)
    relief = depth.conv(pyvips.Image.new_from_array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]])) * 9
    coordinates = pyvips.Image.xyz(size, size) - size / 2
    distance = (coordinates[0] ** 2 + coordinates[1] ** 2) ** 0.5
    inside = 1 / (((distance - 735) / 3).exp() + 1)
    cortex = (((distance - 705) / 24) ** 2 * -1).exp()
    density = (struts * 0.62 + relief * 0.5 + cortex * 0.75 + clouds(size, size, 70, seed) * 0.04 + 0.06) * inside
    noise = pyvips.Image.gaussnoise(size, size, mean=0, sigma=0.018, seed=seed)
    twelve_bits = ((density + noise) * 3100 + 190).rint()
    return (
        (twelve_bits < 0)
        .ifthenelse(0, (twelve_bits > 4095).ifthenelse(4095, twelve_bits))
        .cast("ushort")
        .copy(interpretation="grey16")
    )
