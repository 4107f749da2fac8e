"""Limits what this process may use, before the first byte of a foreign file is read."""

from __future__ import annotations

import resource

import pyvips

ADDRESS_SPACE = 3 << 30
CPU_SECONDS = 60
FILE_BYTES = 128 << 20
OPEN_FILES = 64

LOADERS = ("Jpeg", "Png", "Tiff", "Nsgif", "Webp", "Heif")


def limit_resources() -> None:
    """Limits memory, processor time, file size and open files of this process; it leaves no core dump."""
    for kind, limit in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def limit_loaders() -> None:
    """Blocks all loaders of libvips but those of the picture formats that the desk takes."""
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)
    pyvips.cache_set_max(0)
