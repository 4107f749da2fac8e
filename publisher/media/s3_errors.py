"""Describes the errors of S3-compatible storage in a sentence."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, SSLError

from publisher.core.network_errors import describe_failure
from publisher.settings.buckets import Bucket

KEY_VARIABLES = "PUBLISHER_S3_ACCESS_KEY and PUBLISHER_S3_SECRET_KEY"
WRONG_REGION_CODES = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)


def is_missing(error: ClientError) -> bool:
    """Tells whether an object is missing; after a HEAD request its bucket may be missing instead."""
    return _error_code(error) in ("NoSuchKey", "404")


def describe_error(bucket: Bucket, error: ClientError | BotoCoreError) -> str:
    """Describes what is wrong and what to do, without keys and without the service's own words."""
    if isinstance(error, ClientError):
        return _describe_refusal(bucket, _error_code(error), error.response["ResponseMetadata"]["HTTPStatusCode"])
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"there are no credentials for {bucket}; set {KEY_VARIABLES}"
    if isinstance(error, SSLError):
        return f"{bucket} can't prove who it is; mend its certificate, or endpoint= in storage.media"
    return f"{bucket} was not reached ({describe_failure(error)}); mend the network, or endpoint= in storage.media"


def _describe_refusal(bucket: Bucket, code: str, status: int) -> str:
    if code in ("NoSuchBucket", "404"):
        return f"{bucket} is not there; make it, or mend storage.media"
    if code in WRONG_REGION_CODES or status == 301:
        return f"{bucket} is in another region; mend region= in storage.media"
    if code == "RequestTimeTooSkewed":
        return f"{bucket} refuses this machine's clock; set it right"
    if status in (401, 403):
        what = "list, read, write and delete in it"
        return f"{bucket} refuses access ({code}); mend {KEY_VARIABLES}, and allow them to {what}"
    return f"{bucket} answered {code} (status {status}); try again later"


def _error_code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
