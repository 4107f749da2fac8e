"""Tests that failures of the network are described in plain words, whichever library met them."""

from __future__ import annotations

import errno
import socket
import ssl
from http.client import BadStatusLine

import pytest
import requests
import urllib3
from curl_cffi.requests import exceptions as curl

from publisher.core.network_errors import UNKNOWN, describe_failure


def wrapped(reason: BaseException) -> requests.ConnectionError:
    """Wraps an error of urllib3 as `requests` does."""
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/secret", reason))  # type: ignore[arg-type]


NO_NAME = urllib3.exceptions.NameResolutionError("x", None, socket.gaierror())  # type: ignore[arg-type]
NO_CONNECTION = urllib3.exceptions.NewConnectionError(None, "refused")  # type: ignore[arg-type]
NO_ANSWER = urllib3.exceptions.ReadTimeoutError(None, "/secret", "")  # type: ignore[arg-type]
BROKEN_OFF = urllib3.exceptions.ProtocolError("x", ConnectionResetError())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(NO_CONNECTION), "it took no connection"),
        (wrapped(NO_NAME), "the name of the host is not known"),
        (wrapped(urllib3.exceptions.ConnectTimeoutError()), "it took no connection in time"),
        (requests.ReadTimeout(NO_ANSWER), "it did not answer in time"),
        (requests.ConnectionError(BROKEN_OFF), "the connection broke off"),
        (requests.exceptions.ChunkedEncodingError("x"), "its answer was cut off"),
        (requests.exceptions.SSLError(ssl.SSLCertVerificationError()), "its certificate was not accepted"),
        (requests.exceptions.ProxyError("x"), "the proxy did not lead there"),
        (curl.DNSError("x"), "the name of the host is not known"),
        (curl.Timeout("x"), "it did not answer in time"),
        (curl.CertificateVerifyError("x"), "its certificate was not accepted"),
        (wrapped(OSError(errno.ENFILE, "x")), "this machine has no free file descriptors"),
        (BadStatusLine("x"), "it did not answer by the rules of HTTP"),
        (ValueError("/secret"), UNKNOWN),
    ],
)
def test_the_words_name_the_failure_and_nothing_else(error: Exception, words: str) -> None:
    assert str(describe_failure(error)) == str(words)
