"""Shows platforms by a small mark of our own drawing."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup, escape

from publisher.platforms.profiles import load_profile, starter_text


@cache
def platform_mark(platform: str) -> Markup:
    """Returns the drawing of a platform's folder, as SVG; the first letter of its name where there is none."""
    drawing = starter_text(platform, "mark.svg").strip()
    # The drawing is a file of the program's own.
    inner = Markup(drawing) if drawing else escape(load_profile(platform).label[:1])  # noqa: S704
    return Markup('<span class="mark" aria-hidden="true">{}</span>').format(inner)
