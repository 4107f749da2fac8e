"""Lists what the errors of instagrapi and the words and statuses of Instagram mean."""

from __future__ import annotations

from enum import Enum, auto

import requests
from instagrapi import exceptions as ig


class Meaning(Enum):
    """Says what became of a request, and what a person should do about it."""

    SIGNED_OUT = auto()
    PASSWORD = auto()
    CODE = auto()
    CHECKPOINT = auto()
    SUSPENDED = auto()
    ACTION_BLOCK = auto()
    NETWORK = auto()
    OUTDATED = auto()
    WAIT = auto()
    UPLOAD_LOST = auto()
    ID_USED = auto()
    """The upload id was used before. Keys are never shared, so the post that has it is ours."""
    REJECTED = auto()
    UNKNOWN = auto()
    AS_ANSWERED = auto()
    """The exception's class does not tell; status and words of the answer do."""


MEANINGS: dict[type[Exception], Meaning] = {
    **dict.fromkeys((ig.LoginRequired, ig.ClientLoginRequired, ig.ClientUnauthorizedError), Meaning.SIGNED_OUT),
    ig.ReloginAttemptExceeded: Meaning.SIGNED_OUT,
    **dict.fromkeys((ig.BadPassword, ig.BadCredentials), Meaning.PASSWORD),
    ig.TwoFactorRequired: Meaning.CODE,
    **dict.fromkeys((ig.ChallengeError, ig.CaptchaChallengeRequired), Meaning.CHECKPOINT),
    ig.AccountSuspended: Meaning.SUSPENDED,
    ig.FeedbackRequired: Meaning.ACTION_BLOCK,
    **dict.fromkeys((ig.SentryBlock, ig.ProxyAddressIsBlocked), Meaning.NETWORK),
    **dict.fromkeys((ig.ClientNeedsUpgradeError, ig.ClientNotFoundError), Meaning.OUTDATED),
    **dict.fromkeys((ig.PleaseWaitFewMinutes, ig.ClientThrottledError, ig.RateLimitError), Meaning.WAIT),
    **dict.fromkeys(
        (
            requests.RequestException,
            ig.ClientConnectionError,
            ig.ClientIncompleteReadError,
            ig.ClientJSONDecodeError,
            ig.ClientRequestTimeout,
            ig.ClientGraphqlError,
            ig.ValidationError,
        ),
        Meaning.UNKNOWN,
    ),
    **dict.fromkeys(
        (
            ig.ClientError,
            ig.ClientUnknownError,
            ig.ClientStatusFail,
            ig.ClientErrorWithTitle,
            ig.ClientBadRequestError,
            ig.ClientForbiddenError,
            ig.GenericRequestError,
            ig.PrivateError,
            ig.UnknownError,
            ig.NotFoundError,
            ig.MediaError,
            ig.MediaUnavailable,
            ig.InvalidMediaId,
            ig.PhotoNotUpload,
            ig.AlbumConfigureError,
        ),
        Meaning.AS_ANSWERED,
    ),
    # Of things that no channel does: sending video, messages and comments, reading other accounts.
    **dict.fromkeys(
        (
            ig.WrongCursorError,
            ig.ResetPasswordError,
            ig.AccountEditError,
            ig.UserError,
            ig.CollectionError,
            ig.DirectError,
            ig.VideoTooLongException,
            ig.VideoNotDownload,
            ig.VideoNotUpload,
            ig.IGTVNotUpload,
            ig.ClipNotUpload,
            ig.AlbumNotDownload,
            ig.AlbumUnknownFormat,
            ig.HashtagError,
            ig.LocationError,
            ig.PrivateAccount,
            ig.InvalidTargetUser,
            ig.CommentUnavailable,
            ig.CommentNotFound,
            ig.CommentsDisabled,
            ig.EmailInvalidError,
            ig.EmailNotAvailableError,
            ig.EmailVerificationSendError,
            ig.AgeEligibilityError,
            ig.RelatedProfileRequired,
        ),
        Meaning.AS_ANSWERED,
    ),
}
WORDS = {
    "login_required": Meaning.SIGNED_OUT,
    "challenge_required": Meaning.CHECKPOINT,
    "checkpoint_required": Meaning.CHECKPOINT,
    "consent_required": Meaning.CHECKPOINT,
    "feedback_required": Meaning.ACTION_BLOCK,
    "please wait a few minutes": Meaning.WAIT,
    "rate_limit_error": Meaning.WAIT,
    # "Server got a conflicting upload id": https://github.com/mgp25/Instagram-API/issues/598 shows it right after
    # a post with that id; https://github.com/mgp25/Instagram-API/issues/366 calls it a duplicate id.
    "conflicting upload id": Meaning.ID_USED,
    "duplicate upload id": Meaning.ID_USED,
    "upload id already": Meaning.ID_USED,
    # With the titles staged_position_not_found and staged_media_missing:
    # https://github.com/mgp25/Instagram-API/issues/518
    "media_needs_reupload": Meaning.UPLOAD_LOST,
    "transcode not finished": Meaning.UPLOAD_LOST,
    "upload not found": Meaning.UPLOAD_LOST,
    # A body that was cut on its way says nothing about the picture.
    "partialrequesterror": Meaning.UNKNOWN,
    # What Instagram says when it does not know itself what went wrong.
    "try again": Meaning.UNKNOWN,
    "something went wrong": Meaning.UNKNOWN,
    "an error occurred": Meaning.UNKNOWN,
    "problem with your request": Meaning.UNKNOWN,
    "counter get error": Meaning.UNKNOWN,
}
"""What Instagram's own words mean, wherever they stand in an answer. The first that fits decides."""
STATUSES = {401: Meaning.SIGNED_OUT, 403: Meaning.CHECKPOINT, 404: Meaning.OUTDATED, 429: Meaning.WAIT}
"""What the status of an answer of Instagram's own means where its words do not say it."""
