"""Rewrites sentences that name commands for people who use pages and buttons."""

from __future__ import annotations

import re

COMMAND = r"publisher {} [\w-]+"
CONNECT, RESUME, RETRY, ADOPT, CANCEL = (
    COMMAND.format(name) for name in ("connect", "resume", "retry", "adopt", "cancel")
)


def for_browser(message: str, where: str = "on the page Channels") -> str:
    """Replaces the commands in a sentence by what a page offers. `where`: the place where channels are repaired."""
    for pattern, instead in (
        (rf"\bThen: {RESUME}, {RETRY}\.", f"Then resume the channel {where}, and let this try again."),
        (rf"\bRun {CONNECT}, or mend its secrets", f"Connect it {where}, or have its secrets mended"),
        (rf"\brun `?{CONNECT}`?( again)?", f"connect it {where}"),
        (rf"\bRun: {CONNECT}", f"Connect it {where}"),
        (rf"\brun `?{RESUME}`?", f"resume it {where}"),
        (rf"\bthen(?: run)?: {RETRY}", "then let it try again"),
        (rf"\bIf it is there: {ADOPT} LINK\b", "If it is there, adopt it by its link"),
        (rf"\bIf it is not: {RETRY} --i-have-looked\b", "If it is not, say that you have looked, and try again"),
        (rf"\b(Or give this(?: post)? up): {CANCEL}", r"\1"),
    ):
        message = re.sub(pattern, instead, message)
    return message
