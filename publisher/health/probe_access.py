"""Decides by the listener's address or a token who may read the readiness checks and the metrics.

The caller's address decides nothing: behind a proxy on this machine, every caller comes from this machine.
"""

from __future__ import annotations

import hmac
import ipaddress

from publisher.settings import SettingsError, read_secret

TOKEN_VARIABLE = "PUBLISHER_PROBE_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_NEEDED = f"Send the token that {TOKEN_VARIABLE} holds, as “Authorization: Bearer TOKEN”.\n"


def listens_to_this_machine_alone(host: str) -> bool:
    """Decides whether only this machine can reach a listener at an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def holds_probe_token(authorization: str) -> bool:
    """Decides whether an Authorization header has the probe token. Without a configured token, none has."""
    try:
        expected = read_secret(TOKEN_VARIABLE)
    except SettingsError:
        return False
    scheme, _, given = authorization.partition(" ")
    if not expected or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), expected.encode())
