"""Checks who sent a request to the simulated X: OAuth 1 signatures, OAuth 2 tokens, and the two log-ins."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint

from publisher.sandbox.callbacks import callback_redirect, is_valid_callback
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.problems import problem, unauthorized

USER_ID = "1500000000000000001"
USER_NAME = "daily_picture"
DISPLAY_NAME = "Daily picture"
ACCESS_TOKEN_LIFETIME = timedelta(hours=2)
CODE_LIFETIME = timedelta(seconds=30)
UNKNOWN = "unknown"
OUT_OF_BAND = "oob"
"""In place of a callback: the page shows a PIN to the person."""
DENY = "deny"


@dataclass(frozen=True, slots=True)
class _Grant:
    """Holds a code that the account's owner has allowed."""

    challenge: str
    redirect_uri: str
    scope: str
    ends_at: datetime


class SignatureKeys(RequestValidator):
    """Holds the keys and secrets that OAuth 1 signatures are checked with."""

    def __init__(self) -> None:
        super().__init__()
        self.consumer_key = "SandboxConsumerKey0000001"
        self.consumer_secret = secrets.token_urlsafe(32)
        self.request_tokens: dict[str, str] = {}
        self.access_tokens = {f"{USER_ID}-sandbox": secrets.token_urlsafe(32)}
        self._nonces: set[tuple[str, str]] = set()

    @property
    def enforce_ssl(self) -> bool:
        return False

    @property
    def dummy_client(self) -> str:
        return UNKNOWN

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self.consumer_key

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self.consumer_secret if client_key == self.consumer_key else UNKNOWN

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return {**self.request_tokens, **self.access_tokens}.get(token, UNKNOWN)

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, *tokens: Any, **more_tokens: Any
    ) -> bool:
        nonce_used = (timestamp, nonce)
        if nonce_used in self._nonces:
            return False
        self._nonces.add(nonce_used)
        return True


class Accounts:
    """Serves the log-ins of one account and one app. Refresh tokens and codes work once."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.keys = SignatureKeys()
        self._signatures = SignatureOnlyEndpoint(self.keys)
        self.client_id = "SandboxClientId"
        self.client_secret = secrets.token_urlsafe(32)
        self._pins: dict[str, str] = {}
        """Request token -> PIN, which proves that the account's owner has allowed it."""
        self._callbacks: dict[str, str] = {}
        """Request token -> address that the browser is redirected to."""
        self._code_requests: dict[str, dict[str, str]] = {}
        """Requests of apps that wait for a code, by a random name."""
        self._codes: dict[str, _Grant] = {}
        self._access_tokens: dict[str, datetime] = {}
        self._refresh_tokens: dict[str, str] = {}
        """Refresh token -> scope."""
        self.renewals = 0
        """How often a refresh token was exchanged for new tokens."""
        self._pages: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("POST", "/oauth/request_token"): self._request_token,
            ("GET", "/oauth/authorize"): self._ask_for_pin,
            ("POST", "/oauth/authorize"): self._show_pin,
            ("POST", "/oauth/access_token"): self._access_token,
            ("GET", "/i/oauth2/authorize"): self._ask_for_code,
            ("POST", "/i/oauth2/authorize"): self._give_code,
            ("POST", "/2/oauth2/token"): self._tokens,
        }

    def page(self, request: Request) -> Callable[[Request], Answer] | None:
        """Returns the function that answers a request of a log-in; None for other requests."""
        return self._pages.get((request.method, request.path))

    def oauth1_credentials(self) -> dict[str, str]:
        """Returns the OAuth 1 secrets of the account, by the adapter's names."""
        token, secret = next(iter(self.keys.access_tokens.items()))
        return {
            "consumer_key": self.keys.consumer_key,
            "consumer_secret": self.keys.consumer_secret,
            "access_token": token,
            "access_token_secret": secret,
        }

    def allows(self, request: Request) -> bool:
        """Decides whether a request was sent in the account's name."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            return value in self._access_tokens and self._access_tokens[value] > self._now()
        return self._signed_with(request) in self.keys.access_tokens

    def new_tokens(self, scope: str) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._access_tokens[access] = self._now() + ACCESS_TOKEN_LIFETIME
        self._refresh_tokens[refresh] = scope
        return {
            "token_type": "bearer",
            "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            "access_token": access,
            "scope": scope,
            "refresh_token": refresh,
        }

    def _signed_with(self, request: Request) -> str | None:
        """Returns the token of a validly signed request; empty when the app signed without one."""
        signed = self._signed(request)
        return None if signed is None else signed.resource_owner_key or ""

    def _signed(self, request: Request) -> SignedRequest | None:
        if not request.headers.get("authorization", "").startswith("OAuth "):
            return None
        headers = {name.title(): value for name, value in request.headers.items()}
        body = request.body.decode("latin-1") if request.mime_type.endswith("urlencoded") else None
        try:
            valid, signed = self._signatures.validate_request(request.url, request.method, body, headers)
        except ValueError:
            # An address or a body that can't be read was signed by nobody.
            return None
        return signed if valid else None

    # --- OAuth 1 -----------------------------------------------------------------------------

    def _request_token(self, request: Request) -> Answer:
        signed = self._signed(request)
        if signed is None or signed.resource_owner_key:
            return unauthorized()
        callback = signed.redirect_uri or ""
        if callback != OUT_OF_BAND and not is_valid_callback(callback):
            return problem(403, "Forbidden", "Callback URL not approved for this client application.")
        token = secrets.token_hex(12)
        self._callbacks[token] = callback
        self.keys.request_tokens[token] = secrets.token_urlsafe(24)
        return _form(
            oauth_token=token, oauth_token_secret=self.keys.request_tokens[token], oauth_callback_confirmed="true"
        )

    def _ask_for_pin(self, request: Request) -> Answer:
        token = request.query.get("oauth_token", "")
        if token not in self.keys.request_tokens:
            return Answer.of_text(401, "This log-in is not known, or is over.")
        return _question({"oauth_token": token})

    def _show_pin(self, request: Request) -> Answer:
        form = request.form()
        token = form.get("oauth_token", "")
        if token not in self.keys.request_tokens or token in self._pins:
            return Answer.of_text(401, "This log-in is not known, or is over.")
        if DENY in form:
            del self.keys.request_tokens[token]
            return self._redirect_back(token, denied=token) or _page("<p>The app may not.</p>")
        self._pins[token] = f"{secrets.randbelow(10**7):07}"
        if redirect := self._redirect_back(token, oauth_token=token, oauth_verifier=self._pins[token]):
            return redirect
        return _page(f"<p>Give this PIN to the app:</p><p><code>{self._pins[token]}</code></p>")

    def _redirect_back(self, token: str, **answer: str) -> Answer | None:
        callback = self._callbacks.pop(token)
        return None if callback == OUT_OF_BAND else callback_redirect(callback, **answer)

    def _access_token(self, request: Request) -> Answer:
        token = self._signed_with(request)
        pin = self._pins.pop(token, None) if token else None
        if not token or not pin or f'oauth_verifier="{pin}"' not in request.headers.get("authorization", ""):
            return unauthorized()
        del self.keys.request_tokens[token]
        access, secret = f"{USER_ID}-{secrets.token_hex(8)}", secrets.token_urlsafe(32)
        self.keys.access_tokens[access] = secret
        return _form(oauth_token=access, oauth_token_secret=secret, user_id=USER_ID, screen_name=USER_NAME)

    # --- OAuth 2 -----------------------------------------------------------------------------

    def _ask_for_code(self, request: Request) -> Answer:
        query = request.query
        is_valid = (
            query.get("client_id") == self.client_id
            and query.get("response_type") == "code"
            and query.get("code_challenge_method") == "S256"
            and all(query.get(name) for name in ("state", "code_challenge", "scope"))
            and is_valid_callback(query.get("redirect_uri", ""))
        )
        if not is_valid:
            return Answer.of_text(400, "Something in this log-in is missing.")
        # The request is kept here, so that the form can't change it.
        name = secrets.token_urlsafe(12)
        self._code_requests[name] = dict(query)
        return _question({"question": name})

    def _give_code(self, request: Request) -> Answer:
        form = request.form()
        app_request = self._code_requests.pop(form.get("question", ""), None)
        if app_request is None:
            return Answer.of_text(400, "This log-in is not known, or is over.")
        if DENY in form:
            return callback_redirect(app_request["redirect_uri"], error="access_denied", state=app_request["state"])
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Grant(
            app_request["code_challenge"],
            app_request["redirect_uri"],
            app_request["scope"],
            self._now() + CODE_LIFETIME,
        )
        return callback_redirect(app_request["redirect_uri"], state=app_request["state"], code=code)

    def _tokens(self, request: Request) -> Answer:
        form = request.form()
        expected = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return Answer.of_json(
                401, {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
            )
        if form.get("grant_type") == "refresh_token":
            scope = self._refresh_tokens.pop(form.get("refresh_token", ""), None)
            self.renewals += scope is not None
        else:
            scope = self._scope_of_code(form)
        if scope is None:
            message = "Value passed for the token was invalid."
            return Answer.of_json(400, {"error": "invalid_request", "error_description": message})
        return Answer.of_json(200, self.new_tokens(scope))

    def _scope_of_code(self, form: dict[str, str]) -> str | None:
        grant = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or grant.ends_at < self._now() or form.get("redirect_uri") != grant.redirect_uri:
            return None
        return grant.scope if challenge == grant.challenge else None


def _form(**values: str) -> Answer:
    return Answer.of_text(200, urlencode(values), "application/x-www-form-urlencoded")


def _question(hidden: dict[str, str]) -> Answer:
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in hidden.items()
    )
    return _page(
        f'<p>May the app post as @{USER_NAME}?</p><form method="post" action="?">{fields}<button>Allow</button> '
        f'<button name="{DENY}">Deny</button></form>'
    )


def _page(content: str) -> Answer:
    head = '<!doctype html><html lang="en"><title>Allow the app</title>'
    return Answer.of_text(200, f"{head}<main><h1>Sandbox of X</h1>{content}</main></html>", "text/html")
