"""Stores media in a bucket of S3-compatible storage. `publisher.media.opening` alone imports this module, and boto3."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from publisher.core.disk_files import file_sha256
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.media.base import MediaDamaged, MediaMissing, MediaStore, MediaUnreachable
from publisher.media.cache import LocalCache
from publisher.media.folder import SHA256
from publisher.media.s3_errors import describe_error, is_missing
from publisher.settings.buckets import Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

DEFAULT_REGION = "us-east-1"
"""Services without regions accept it."""
CHUNK_BYTES = 1 << 20
PROBE = b"probe"


class S3Store(MediaStore):
    """Stores objects named like the files of a folder, each with a local copy while it is used."""

    def __init__(
        self, bucket: Bucket, cache: LocalCache, *, access_key: str | None = None, secret_key: str | None = None
    ) -> None:
        """Without keys, boto3 looks for credentials where it always does."""
        self._bucket = bucket
        self._cache = cache
        self._client = _connect(bucket, access_key, secret_key)

    def put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        name = _original_name(sha256)
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        with self._translate_errors():
            # Two who store it at once write the same bytes, so neither needs to win.
            if self._tag(name) != tag:
                self._write(name, content)
        self._cache.add(name, content)
        return sha256

    def has(self, sha256: str) -> bool:
        with self._translate_errors():
            if self._tag(_original_name(sha256)) is not None:
                return True
            # A missing bucket answers just like a missing object.
            self._client.head_bucket(Bucket=self._bucket.name)
            return False

    def fetch(self, sha256: str) -> Path:
        name = _original_name(sha256)
        copy = self._cache.get(name)
        if copy is not None and file_sha256(copy) == sha256:
            return copy
        with closing(self._open(name)) as body, self._cache.adding(name) as file, self._translate_errors():
            if _copy(body, file) != sha256:
                raise MediaDamaged
        return self._cache.folder / name

    def originals(self) -> Iterator[str]:
        names = (_file_name(item) for item in self._listed("originals/"))
        return (name for name in names if SHA256.fullmatch(name))

    def load(self, digest: str, suffix: str) -> Path | None:
        name = _rendition_name(digest, suffix)
        if copy := self._cache.get(name):
            return copy
        try:
            with closing(self._open(name)) as body, self._cache.adding(name) as file, self._translate_errors():
                _copy(body, file)
        except MediaMissing:
            return None
        except MediaUnreachable as error:
            # It can be made again, if its original is at hand: no reason to be late.
            get_logger(__name__).warning("could not check whether a picture was made before", problem=str(error))
            return None
        return self._cache.folder / name

    def save(self, digest: str, suffix: str, content: bytes) -> Path:
        name = _rendition_name(digest, suffix)
        path = self._cache.add(name, content)
        try:
            with self._translate_errors():
                self._write(name, content)
        except MediaUnreachable as error:
            # This machine has what it needs to go on; another one makes its own.
            get_logger(__name__).warning("a finished picture is on this machine only", problem=str(error))
        return path

    def sweep(self, keep: Collection[str], older_than: datetime) -> int:
        removed = 0
        for item in self._listed("renditions/"):
            if item["LastModified"] < older_than and _file_name(item)[:64] not in keep:
                with self._translate_errors():
                    self._client.delete_object(Bucket=self._bucket.name, Key=item["Key"])
                removed += 1
        return removed

    def work_folder(self) -> Path:
        return self._cache.work_folder()

    def examine(self) -> Message:
        self.work_folder()
        name = f"probe/{uuid.uuid4().hex}"
        with self._translate_errors():
            self._write(name, PROBE)
            try:
                with closing(self._open(name)) as body:
                    read = body.read()
            except MediaMissing:
                read = b""
            finally:
                self._client.delete_object(Bucket=self._bucket.name, Key=self._key(name))
            gone = self._tag(name) is None
            self._client.list_objects_v2(Bucket=self._bucket.name, Prefix=self._key("probe/"), MaxKeys=1)
        if read != PROBE or not gone:
            raise MediaUnreachable(
                _("{bucket} does not keep what is written there; mend the storage", bucket=str(self._bucket))
            )
        return _("{bucket} can be written to", bucket=str(self._bucket))

    def _key(self, name: str) -> str:
        return f"{self._bucket.prefix}/{name}" if self._bucket.prefix else name

    def _write(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._bucket.name, Key=self._key(name), Body=content)

    def _tag(self, name: str) -> str | None:
        """Returns the storage's own hash of an object's content; None: there is no such object, or no bucket."""
        try:
            return self._client.head_object(Bucket=self._bucket.name, Key=self._key(name))["ETag"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def _open(self, name: str) -> StreamingBody:
        """Opens an object's content, to be closed. Raises MediaMissing where there is none."""
        with self._translate_errors():
            try:
                return self._client.get_object(Bucket=self._bucket.name, Key=self._key(name))["Body"]
            except ClientError as error:
                if is_missing(error):
                    raise MediaMissing from error
                raise

    def _listed(self, folder: str) -> Iterator[ObjectTypeDef]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._translate_errors():
            for page in pages.paginate(Bucket=self._bucket.name, Prefix=self._key(folder)):
                yield from page.get("Contents", ())

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise MediaUnreachable(describe_error(self._bucket, error)) from error


def _connect(bucket: Bucket, access_key: str | None, secret_key: str | None) -> S3Client:
    # The default session is shared and not made for threads.
    session = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key)
    return session.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region or session.region_name or DEFAULT_REGION,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=32,
            # Many a service other than Amazon's knows neither a host name per bucket nor the newer checksums. The
            # signature covers the content's SHA-256, which every service compares with what arrived.
            s3={"addressing_style": "path" if bucket.endpoint else "auto", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _original_name(sha256: str) -> str:
    return f"originals/{sha256[:2]}/{sha256}"


def _rendition_name(digest: str, suffix: str) -> str:
    return f"renditions/{digest[:2]}/{digest}{suffix}"


def _file_name(item: ObjectTypeDef) -> str:
    return item["Key"].rpartition("/")[2]


def _copy(body: StreamingBody, file: BinaryIO) -> str:
    """Writes all of an object into a file, and returns its SHA-256."""
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(CHUNK_BYTES):
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()
