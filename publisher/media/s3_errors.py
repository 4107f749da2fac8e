"""Describes the errors of S3-compatible storage in a sentence."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, SSLError

from publisher.core.messages import Message, _
from publisher.core.network_errors import describe_failure
from publisher.settings.buckets import Bucket

KEY_VARIABLES = _("PUBLISHER_S3_ACCESS_KEY and PUBLISHER_S3_SECRET_KEY")
WRONG_REGION_CODES = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)


def is_missing(error: ClientError) -> bool:
    """Tells whether an object is missing; after a HEAD request its bucket may be missing instead."""
    return _error_code(error) in ("NoSuchKey", "404")


def describe_error(bucket: Bucket, error: ClientError | BotoCoreError) -> Message:
    """Describes what is wrong and what to do, without keys and without the service's own words."""
    if isinstance(error, ClientError):
        return _describe_refusal(bucket, _error_code(error), error.response["ResponseMetadata"]["HTTPStatusCode"])
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return _("there are no credentials for {bucket}; set {keys}", bucket=str(bucket), keys=KEY_VARIABLES)
    if isinstance(error, SSLError):
        return _(
            "{bucket} can't prove who it is; mend its certificate, or endpoint= in storage.media", bucket=str(bucket)
        )
    return _(
        "{bucket} was not reached ({why}); mend the network, or endpoint= in storage.media",
        bucket=str(bucket),
        why=describe_failure(error),
    )


def _describe_refusal(bucket: Bucket, code: str, status: int) -> Message:
    if code in ("NoSuchBucket", "404"):
        return _("{bucket} is not there; make it, or mend storage.media", bucket=str(bucket))
    if code in WRONG_REGION_CODES or status == 301:
        return _("{bucket} is in another region; mend region= in storage.media", bucket=str(bucket))
    if code == "RequestTimeTooSkewed":
        return _("{bucket} refuses this machine's clock; set it right", bucket=str(bucket))
    if status in (401, 403):
        return _(
            "{bucket} refuses access ({code}); mend {keys}, and allow them to list, read, write and delete in it",
            bucket=str(bucket),
            code=code,
            keys=KEY_VARIABLES,
        )
    return _(
        "{bucket} answered {code} (status {status}); try again later", bucket=str(bucket), code=code, status=status
    )


def _error_code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
