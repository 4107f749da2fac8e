"""Simulates Instagram's log-in: encrypted password, authenticator code, session."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from publisher.core.clock import Clock
from publisher.sandbox.wire import Answer, Request, read_json, read_object

KEY_ID = 205
TOTP_STEP_SECONDS = 30
BEARER = "Bearer IGT:2:"
SEPARATOR = "%3A"
LOGIN = "com.bloks.www.bloks.caa.login"
TWO_STEP = "com.bloks.www.two_step_verification"
SENT_CODE = "com.bloks.www.ap.two_step_verification"
SENT_CODE_SCREENS = ("entrypoint_async", "code_entry", "code_entry_async")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: int
    name: str
    password: str = field(repr=False)
    totp_seed: str = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "pk": self.id,
            "pk_id": str(self.id),
            "id": str(self.id),
            "username": self.name,
            "full_name": "Picture of the day",
            "is_private": False,
            "is_verified": False,
            "is_business": False,
            "profile_pic_url": "https://scontent.cdninstagram.com/profile.jpg",
        }


def totp_code(seed: str, unix_time: float) -> str:
    """Returns the six digits that an authenticator shows (RFC 6238, SHA-1, 30 seconds)."""
    key = base64.b32decode(seed)
    digest = hmac.digest(key, (int(unix_time) // TOTP_STEP_SECONDS).to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def fail(status: int, message: str, **more: Any) -> Answer:
    return Answer.of_json(status, {"message": message, **more, "status": "fail"})


def succeed(**values: Any) -> Answer:
    return Answer.of_json(200, {**values, "status": "ok"})


class LoginServer:
    """Answers the log-ins of one user. Codes are checked against `clock`: an authenticator runs on true time.

    Sessions are signed, not stored, so that they stay valid when the sandbox restarts.
    """

    def __init__(self, user: User, clock: Clock) -> None:
        self._user = user
        self._clock = clock
        self._signing_key = user.password.encode()
        self._pending_contexts: set[str] = set()
        """Two-step contexts whose password was right and whose code is still missing."""
        self.sends_code = False
        """Ask for a code that was sent, in place of the authenticator's."""
        self.sent_code = ""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def end_all_sessions(self) -> None:
        self._signing_key = secrets.token_bytes(32)

    def has_session(self, request: Request) -> bool:
        """Decides whether the request carries a valid session."""
        header = request.headers.get("authorization", "")
        try:
            session = read_json(base64.b64decode(header.removeprefix(BEARER), validate=True))
        except ValueError:
            return False
        value = session.get("sessionid") if isinstance(session, dict) else None
        nonce, _, signature = str(value).rpartition(SEPARATOR)
        return hmac.compare_digest(signature.encode(), self._signature(nonce).encode())

    def _signature(self, nonce: str) -> str:
        return hmac.digest(self._signing_key, nonce.encode(), hashlib.sha256).hex()

    def answer(self, request: Request) -> Answer | None:
        """Answers a step of the log-in; None when the request is no such step."""
        path = request.path.removeprefix("/api")
        if path == "/graphql_www":
            return succeed(data={"1$usdid_registration(input:$input)": {"success": True}})
        if path == "/v1/qe/sync/":
            return self._public_key()
        if path == "/v1/attestation/create_android_keystore/":
            return succeed(challenge_nonce=secrets.token_hex(16), key_nonce=secrets.token_hex(8))
        if match := re.fullmatch(r"/v1/bloks/(?:async_action|apps)/([\w.]+)/", path):
            return self._screen(match[1], read_object(request.form().get("params", "{}")))
        return None

    def _public_key(self) -> Answer:
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        headers = {
            "ig-set-password-encryption-key-id": str(KEY_ID),
            "ig-set-password-encryption-pub-key": base64.b64encode(pem).decode(),
        }
        return Answer.of_json(200, {"status": "ok"}, headers)

    def _screen(self, name: str, params: dict[str, Any]) -> Answer:
        if name == f"{LOGIN}.process_client_data_and_redirect":
            context = {"key": "CAA_ACCOUNT_ACCESS_CONTEXT:aac", "initial": json.dumps({"aac_init_timestamp": 1})}
            return _bloks(data=[{"id": "aac", "type": "gs", "data": context}])
        if name == f"{LOGIN}.async.send_login_request":
            return self._check_password(params["client_input_params"])
        if name == f"{TWO_STEP}.verify_code.async":
            return self._check_code(params)
        if name.startswith(SENT_CODE):
            return self._sent_code_screen(name.removeprefix(f"{SENT_CODE}."), params)
        return _bloks()

    def _check_password(self, inputs: dict[str, Any]) -> Answer:
        is_right = hmac.compare_digest(
            self._decrypt_password(str(inputs["password"])).encode(), self._user.password.encode()
        )
        if inputs["contact_point"] != self._user.name or not is_right:
            message = "The password you entered is incorrect. Please try again."
            return fail(400, message, error_type="bad_password", invalid_credentials=True)
        context = secrets.token_urlsafe(24)
        self._pending_contexts.add(context)
        if self.sends_code:
            self.sent_code = f"{secrets.randbelow(10**6):06}"
            return _screen_after(SENT_CODE_SCREENS[0], context)
        return _bloks(
            f'(bk.action.OpenScreen "{TWO_STEP}.entrypoint" (f4i (dkc "server_params") '
            f'(dkc (f4i (dkc "two_step_verification_context") (dkc "{context}")))))'
        )

    def _decrypt_password(self, blob: str) -> str:
        """Decrypts the password; empty when it was not encrypted with our key."""
        try:
            _, _, timestamp, payload = blob.split(":", 3)
            raw = base64.b64decode(payload)
            iv, length = raw[2:14], int.from_bytes(raw[14:16], "little")
            wrapped, tag, text = raw[16 : 16 + length], raw[16 + length : 32 + length], raw[32 + length :]
            key = self._key.decrypt(wrapped, padding.PKCS1v15())
            return AESGCM(key).decrypt(iv, text + tag, timestamp.encode()).decode()
        except (ValueError, InvalidTag):
            return ""

    def _check_code(self, params: dict[str, Any]) -> Answer:
        context = params["server_params"]["two_step_verification_context"]
        now = self._clock.now().timestamp()
        codes = {totp_code(self._user.totp_seed, now + drift * TOTP_STEP_SECONDS) for drift in (-1, 0, 1)}
        if context not in self._pending_contexts or params["client_input_params"]["code"] not in codes:
            return _bloks('(bk.action.Toast "Please check the security code and try again.")')
        self._pending_contexts.discard(context)
        return self._start_session()

    def _sent_code_screen(self, name: str, params: dict[str, Any]) -> Answer:
        """Answers one of three screens: the beginning, the field for the code, and the check of the code."""
        context = params["server_params"]["context_data"]
        if context not in self._pending_contexts or name not in SENT_CODE_SCREENS:
            return _bloks()
        if name != SENT_CODE_SCREENS[-1]:
            return _screen_after(SENT_CODE_SCREENS[SENT_CODE_SCREENS.index(name) + 1], context)
        if not hmac.compare_digest(str(params["client_input_params"]["code"]).encode(), self.sent_code.encode()):
            return _bloks('(bk.action.Toast "That code is not right.")')
        self._pending_contexts.discard(context)
        return self._start_session()

    def _start_session(self) -> Answer:
        nonce = f"{self._user.id}{SEPARATOR}{secrets.token_urlsafe(12)}"
        session = f"{nonce}{SEPARATOR}{self._signature(nonce)}"
        bearer = base64.b64encode(json.dumps({"ds_user_id": str(self._user.id), "sessionid": session}).encode())
        payload = {
            "login_response": json.dumps({"logged_in_user": self._user.as_json(), "status": "ok"}),
            "headers": json.dumps({"IG-Set-Authorization": BEARER + bearer.decode(), "x-ig-set-www-claim": "hmac.1"}),
            "cookies": None,
        }
        quoted = json.dumps(json.dumps(payload))
        return _bloks(f"(bk.action.caa.HandleLoginResponse (bk.action.tree.Make 1 {quoted}))")


def _screen_after(screen: str, context: str) -> Answer:
    params = f'(f4i (dkc "server_params") (dkc (f4i (dkc "context_data") (dkc "{context}"))))'
    return _bloks(f'(bk.action.OpenScreen "{SENT_CODE}.{screen}" {params})')


def _bloks(action: str = "", data: list[Any] | None = None) -> Answer:
    return succeed(layout={"bloks_payload": {"action": action, "data": data or []}})
