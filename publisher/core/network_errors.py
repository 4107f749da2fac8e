"""Describes in plain words why a network request failed, whichever library made it."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException

from publisher.core.machine_errors import causes, machine_problem

PROXY = "ProxyError"
DESCRIPTIONS: dict[str, str] = {
    "NotResolvedInTime": "no name server told in time where it is",
    "NameResolutionError": "the name of the host is not known",
    "DNSError": "the name of the host is not known",
    "NewConnectionError": "it took no connection",
    "EndpointConnectionError": "it took no connection",
    "ConnectTimeoutError": "it took no connection in time",
    "ConnectTimeout": "it took no connection in time",
    "CertificateVerifyError": "its certificate was not accepted",
    PROXY: "the proxy did not lead there",
    "ReadTimeoutError": "it did not answer in time",
    "ReadTimeout": "it did not answer in time",
    "Timeout": "it did not answer in time",
    "IncompleteRead": "its answer was cut off",
    "ChunkedEncodingError": "its answer was cut off",
    "ProtocolError": "the connection broke off",
    "SSLError": "no secure connection could be made",
    "MaxRetryError": "it was not reached",
    "RequestException": "the exchange broke off",
    "HTTPClientError": "the exchange broke off",
    "HTTPError": "the exchange broke off",
}
"""By the class name of an error in urllib3, requests, curl_cffi and botocore; the first that fits is used."""
UNKNOWN = "the exchange failed in a way that is not known"


def describe_failure(error: BaseException) -> str:
    """Describes an error in a clause, without the address or anything else that the error quotes."""
    if problem := machine_problem(error):
        return problem
    all_causes = list(causes(error))
    kinds = {kind.__name__ for cause in all_causes for kind in type(cause).__mro__}
    if PROXY in kinds:
        return DESCRIPTIONS[PROXY]
    if description := next(filter(None, map(_describe_system_error, all_causes)), ""):
        return description
    return next((description for name, description in DESCRIPTIONS.items() if name in kinds), UNKNOWN)


def _describe_system_error(error: BaseException) -> str:
    """Describes Python's own errors; empty for those of libraries."""
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
            return "it did not answer by the rules of HTTP"
        case _:
            return ""
