"""Says in plain words why an exchange over the network failed, whichever library ran it."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException

from publisher.core.machine_errors import causes, machine_problem

PROXY = "ProxyError"
WORDS: dict[str, str] = {
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
"""By the class of an error, as urllib3, requests, curl_cffi and botocore name theirs; the first that fits is told."""
UNKNOWN = "the exchange failed in a way that is not known"


def failure_in_words(error: BaseException) -> str:
    """Returns a clause without the address or anything else that the error quotes."""
    if told := machine_problem(error):
        return told
    found = list(causes(error))
    kinds = {kind.__name__ for cause in found for kind in type(cause).__mro__}
    if PROXY in kinds:
        return WORDS[PROXY]
    if told := next(filter(None, map(_of_system, found)), ""):
        return told
    return next((words for name, words in WORDS.items() if name in kinds), UNKNOWN)


def _of_system(error: BaseException) -> str:
    """What Python's own errors mean; empty for those of libraries."""
    match error:
        case ssl.SSLCertVerificationError():
            return WORDS["CertificateVerifyError"]
        case socket.gaierror():
            return WORDS["NameResolutionError"]
        case ConnectionRefusedError():
            return WORDS["NewConnectionError"]
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return WORDS["ProtocolError"]
        case HTTPException():
            return "it did not answer by the rules of HTTP"
        case _:
            return ""
