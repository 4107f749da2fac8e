"""Describes in plain words why a network request failed, whichever library made it."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException

from publisher.core.machine_errors import causes, machine_problem
from publisher.core.messages import Message, _

PROXY = "ProxyError"
DESCRIPTIONS: dict[str, Message] = {
    "NotResolvedInTime": _("no name server told in time where it is"),
    "NameResolutionError": _("the name of the host is not known"),
    "DNSError": _("the name of the host is not known"),
    "NewConnectionError": _("it took no connection"),
    "EndpointConnectionError": _("it took no connection"),
    "ConnectTimeoutError": _("it took no connection in time"),
    "ConnectTimeout": _("it took no connection in time"),
    "CertificateVerifyError": _("its certificate was not accepted"),
    PROXY: _("the proxy did not lead there"),
    "ReadTimeoutError": _("it did not answer in time"),
    "ReadTimeout": _("it did not answer in time"),
    "Timeout": _("it did not answer in time"),
    "IncompleteRead": _("its answer was cut off"),
    "ChunkedEncodingError": _("its answer was cut off"),
    "ProtocolError": _("the connection broke off"),
    "SSLError": _("no secure connection could be made"),
    "MaxRetryError": _("it was not reached"),
    "RequestException": _("the exchange broke off"),
    "HTTPClientError": _("the exchange broke off"),
    "HTTPError": _("the exchange broke off"),
}
"""By the class name of an error in urllib3, requests, curl_cffi and botocore; the first that fits is used."""
UNKNOWN = _("the exchange failed in a way that is not known")


def describe_failure(error: BaseException) -> Message:
    """Describes an error in a clause, without the address or anything else that the error quotes."""
    if problem := machine_problem(error):
        return problem
    all_causes = list(causes(error))
    kinds = {kind.__name__ for cause in all_causes for kind in type(cause).__mro__}
    if PROXY in kinds:
        return DESCRIPTIONS[PROXY]
    if description := next(filter(None, map(_describe_system_error, all_causes)), None):
        return description
    return next((description for name, description in DESCRIPTIONS.items() if name in kinds), UNKNOWN)


def _describe_system_error(error: BaseException) -> Message | None:
    """Describes Python's own errors; None for those of libraries."""
    match error:
        case ssl.SSLCertVerificationError():
            return DESCRIPTIONS["CertificateVerifyError"]
        case socket.gaierror():
            return DESCRIPTIONS["NameResolutionError"]
        case ConnectionRefusedError():
            return DESCRIPTIONS["NewConnectionError"]
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return DESCRIPTIONS["ProtocolError"]
        case HTTPException():
            return _("it did not answer by the rules of HTTP")
        case _other:
            return None
