"""Simulates Tumblr's OAuth 1: verifies every signature, and serves the log-in in three steps.

POST /oauth/request_token     a token for the page below
GET  /oauth/authorize         the page on which a person allows access
POST /oauth/authorize         the person's answer; the browser is redirected with the verifier, or the page shows it
POST /oauth/access_token      the account's own token
"""

from __future__ import annotations

import html
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint

from publisher.core.clock import SystemClock
from publisher.sandbox.callbacks import callback_redirect, is_valid_callback
from publisher.sandbox.wire import Answer, Request

CONSUMER_KEY = "sandboxConsumerKey00000000000000000000000000000001"
CONSUMER_SECRET = "sandboxConsumerSecret0000000000000000000000000001"  # noqa: S105 (opens nothing but this sandbox)
TOKEN = "sandboxToken0000000000000000000000000000000000000001"  # noqa: S105
TOKEN_SECRET = "sandboxTokenSecret000000000000000000000000000000001"  # noqa: S105
FORM = "application/x-www-form-urlencoded"
CLOCK_TOLERANCE_SECONDS = 300


@dataclass(slots=True)
class RequestToken:
    """Holds a log-in that has begun; it has a verifier as soon as a person has allowed it."""

    secret: str
    callback: str = ""
    """The address that the browser is redirected to. Empty: none."""
    verifier: str | None = None


class _Validator(RequestValidator):
    """Gives oauthlib the keys and secrets to check a signature with."""

    enforce_ssl = False
    client_key_length = (1, 100)
    access_token_length = (1, 100)
    request_token_length = (1, 100)
    nonce_length = (1, 100)
    dummy_client = "nobody"

    def __init__(self, token_secrets: dict[str, str]) -> None:
        super().__init__()
        self._token_secrets = token_secrets
        self._used_nonces: set[tuple[str, str]] = set()

    def validate_client_key(self, client_key: str, request: SignedRequest) -> bool:
        return client_key == CONSUMER_KEY

    def get_client_secret(self, client_key: str, request: SignedRequest) -> str:
        return CONSUMER_SECRET

    def get_access_token_secret(self, client_key: str, token: str, request: SignedRequest) -> str:
        # No signature can match the random secret of an unknown token.
        return self._token_secrets.get(token) or secrets.token_hex()

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: SignedRequest,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        """Accepts each nonce once, near the system's time: the shifted clock of a demo stamps only posts."""
        if (timestamp, nonce) in self._used_nonces:
            return False
        self._used_nonces.add((timestamp, nonce))
        return abs(SystemClock().now().timestamp() - int(timestamp)) <= CLOCK_TOLERANCE_SECONDS


class OAuth:
    """Issues tokens, and decides who signed a request."""

    def __init__(self) -> None:
        self._access_tokens = {TOKEN}
        self._logins: dict[str, RequestToken] = {}
        self._token_secrets = {TOKEN: TOKEN_SECRET}
        self._endpoint = SignatureOnlyEndpoint(_Validator(self._token_secrets))

    def allows(self, request: Request) -> bool:
        """Decides whether the account itself has signed this request."""
        signed = self._signed(request)
        return signed is not None and signed.resource_owner_key in self._access_tokens

    def answer(self, request: Request) -> Answer:
        match (request.method, request.path):
            case ("POST", "/oauth/request_token"):
                return self._issue_request_token(request)
            case ("GET", "/oauth/authorize"):
                return self._show_question(request.query.get("oauth_token", ""))
            case ("POST", "/oauth/authorize"):
                return self._allow(request.form())
            case ("POST" | "GET", "/oauth/access_token"):
                return self._issue_access_token(request)
        return Answer.of_text(404, "Not Found")

    def _signed(self, request: Request) -> SignedRequest | None:
        if not request.headers.get("authorization", "").startswith("OAuth "):
            return None
        headers = {"Authorization": request.headers["authorization"]}
        try:
            body = request.body.decode("utf-8") if request.mime_type == FORM else None
            if body is not None:
                headers["Content-Type"] = FORM
            valid, signed = self._endpoint.validate_request(request.url, request.method, body, headers)
        except ValueError:
            # An address or a body that can't be read was signed by nobody.
            return None
        return signed if valid else None

    def _issue_request_token(self, request: Request) -> Answer:
        signed = self._signed(request)
        if signed is None or signed.resource_owner_key:
            return Answer.of_text(401, "oauth_signature does not match expected value")
        callback = signed.redirect_uri or ""
        if callback and not is_valid_callback(callback):
            return Answer.of_text(400, "oauth_callback is not valid")
        token, secret = secrets.token_hex(25), secrets.token_hex(25)
        self._logins[token] = RequestToken(secret, callback)
        self._token_secrets[token] = secret
        return _tokens(token, secret, oauth_callback_confirmed="true")

    def _show_question(self, token: str) -> Answer:
        if token not in self._logins:
            return _page("<p>This log-in has ended. Begin again.</p>", status=404)
        return _page(
            "<p>Allow the publishing desk to read from this blog and to post to it?</p>"
            f'<form method="post"><input type="hidden" name="oauth_token" value="{html.escape(token)}">'
            '<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form>'
        )

    def _allow(self, form: dict[str, str]) -> Answer:
        login = self._logins.get(form.get("oauth_token", ""))
        if login is None:
            return _page("<p>This log-in has ended. Begin again.</p>", status=404)
        if form.get("answer") != "allow":
            del self._logins[form["oauth_token"]]
            if login.callback:
                return callback_redirect(login.callback, denied=form["oauth_token"])
            return _page("<p>Access was not allowed.</p>")
        login.verifier = login.verifier or secrets.token_hex(25)
        if login.callback:
            return callback_redirect(login.callback, oauth_token=form["oauth_token"], oauth_verifier=login.verifier)
        return _page(f"<p>Access is allowed. Enter this at the desk:</p><p><code>{login.verifier}</code></p>")

    def _issue_access_token(self, request: Request) -> Answer:
        signed = self._signed(request)
        request_token_used = (signed.resource_owner_key if signed else None) or ""
        login = self._logins.get(request_token_used)
        if signed is None or login is None or not login.verifier or signed.verifier != login.verifier:
            return Answer.of_text(401, "Missing or invalid oauth_verifier")
        del self._logins[request_token_used]
        token, secret = secrets.token_hex(25), secrets.token_hex(25)
        self._access_tokens.add(token)
        self._token_secrets[token] = secret
        return _tokens(token, secret)


def _tokens(token: str, secret: str, **more: str) -> Answer:
    return Answer.of_text(200, urlencode({"oauth_token": token, "oauth_token_secret": secret, **more}), FORM)


def _page(content: str, *, status: int = 200) -> Answer:
    page = f'<!doctype html><html lang="en"><title>Tumblr sandbox</title><h1>Tumblr sandbox</h1>{content}</html>'
    return Answer.of_text(status, page, "text/html")
