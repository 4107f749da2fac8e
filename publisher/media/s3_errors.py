"""What S3-compatible storage answers in place of what was asked for, as one sentence."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, SSLError

from publisher.core.network_errors import failure_in_words
from publisher.settings.buckets import Bucket

KEYS = "PUBLISHER_S3_ACCESS_KEY and PUBLISHER_S3_SECRET_KEY"
ELSEWHERE = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})


def is_missing(error: ClientError) -> bool:
    """Whether an object is not there; of a question without an answer's body, perhaps its bucket either."""
    return _code(error) in ("NoSuchKey", "404")


def trouble(bucket: Bucket, error: ClientError | BotoCoreError) -> str:
    """What is wrong and what to do. It holds neither keys nor what the service said in its own words."""
    if isinstance(error, ClientError):
        return _refusal(bucket, _code(error), error.response["ResponseMetadata"]["HTTPStatusCode"])
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"there are no credentials for {bucket}; set {KEYS}"
    if isinstance(error, SSLError):
        return f"{bucket} can't prove who it is; mend its certificate, or endpoint= in storage.media"
    return f"{bucket} was not reached ({failure_in_words(error)}); mend the network, or endpoint= in storage.media"


def _refusal(bucket: Bucket, code: str, status: int) -> str:
    if code in ("NoSuchBucket", "404"):
        return f"{bucket} is not there; make it, or mend storage.media"
    if code in ELSEWHERE or status == 301:
        return f"{bucket} is in another region; mend region= in storage.media"
    if code == "RequestTimeTooSkewed":
        return f"{bucket} refuses this machine's clock; set it right"
    if status in (401, 403):
        return f"{bucket} refuses access ({code}); mend {KEYS}, and allow them to list, read, write and delete in it"
    return f"{bucket} answered {code} (status {status}); try again later"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
