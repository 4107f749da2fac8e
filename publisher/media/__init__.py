"""Stores originals and renditions by the SHA-256 of their content. Nothing stored is ever changed.

They are in a local folder or in a bucket of S3-compatible storage, which work alike:
`publisher.media.opening` opens the one that the configuration names.
"""

from publisher.media.base import MediaDamaged, MediaError, MediaMissing, MediaStore, MediaUnreachable
from publisher.media.files import write_atomically
from publisher.media.folder import FolderStore

__all__ = [
    "FolderStore",
    "MediaDamaged",
    "MediaError",
    "MediaMissing",
    "MediaStore",
    "MediaUnreachable",
    "write_atomically",
]
