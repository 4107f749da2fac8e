"""What this process may use. Set before the first byte of a foreign file is read."""

from __future__ import annotations

import resource

import pyvips

ADDRESS_SPACE = 3 << 30
CPU_SECONDS = 60
FILE_BYTES = 128 << 20
OPEN_FILES = 64

LOADERS = ("Jpeg", "Png", "Tiff", "Nsgif", "Webp", "Heif")


def limit_resources() -> None:
    """Cap memory, processor time, file size and open files of this process; leave no core dump."""
    for kind, most in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def limit_loaders() -> None:
    """Leave libvips only the loaders of the picture formats that the desk takes."""
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)
    pyvips.cache_set_max(0)
