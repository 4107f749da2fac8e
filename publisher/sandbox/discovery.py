"""Finds the sandbox of each platform by the name of its folder, as the registry finds its adapter."""

from __future__ import annotations

import importlib
import pkgutil

from publisher import sandbox
from publisher.sandbox.base import SandboxPlatform


def sandbox_names() -> tuple[str, ...]:
    """Lists the platforms with a sandbox: the packages inside `publisher.sandbox`, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(sandbox.__path__) if module.ispkg))


def sandbox_class(platform: str) -> type[SandboxPlatform]:
    """Returns the class `Sandbox` of `publisher.sandbox.<platform>.service`.

    Raises:
        LookupError: there is no such platform; the message lists those that exist.
    """
    if platform not in sandbox_names():
        raise LookupError(f"there is no platform “{platform}”; known are {', '.join(sandbox_names())}")
    module = f"publisher.sandbox.{platform}.service"
    platform_class = importlib.import_module(module).Sandbox
    if (
        not (isinstance(platform_class, type) and issubclass(platform_class, SandboxPlatform))
        or platform_class.name != platform
    ):
        raise TypeError(f"{module}.Sandbox is not the SandboxPlatform named {platform!r}")
    return platform_class
