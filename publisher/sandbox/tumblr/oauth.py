"""OAuth 1 as Tumblr speaks it: every signature verified, and the log-in in three steps.

POST /oauth/request_token     a token to ask a person with
GET  /oauth/authorize         the page on which a person allows access
POST /oauth/authorize         the person's answer; the browser is led back with the verifier, or the page shows it
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
from publisher.sandbox.callbacks import is_sound, leading_back
from publisher.sandbox.wire import Answer, Request

CONSUMER_KEY = "sandboxConsumerKey00000000000000000000000000000001"
CONSUMER_SECRET = "sandboxConsumerSecret0000000000000000000000000001"  # noqa: S105 (opens nothing but this sandbox)
TOKEN = "sandboxToken0000000000000000000000000000000000000001"  # noqa: S105
TOKEN_SECRET = "sandboxTokenSecret000000000000000000000000000000001"  # noqa: S105
FORM = "application/x-www-form-urlencoded"
CLOCK_TOLERANCE_SECONDS = 300


@dataclass(slots=True)
class RequestToken:
    """A log-in that has begun; it has a verifier as soon as a person has allowed it."""

    secret: str
    callback: str = ""
    """Where the browser is led back to. Empty: nowhere."""
    verifier: str | None = None


class _Validator(RequestValidator):
    """What oauthlib asks while it checks a signature."""

    enforce_ssl = False
    client_key_length = (1, 100)
    access_token_length = (1, 100)
    request_token_length = (1, 100)
    nonce_length = (1, 100)
    dummy_client = "nobody"

    def __init__(self, token_secrets: dict[str, str]) -> None:
        super().__init__()
        self._token_secrets = token_secrets
        self._seen: set[tuple[str, str]] = set()

    def validate_client_key(self, client_key: str, request: SignedRequest) -> bool:
        return client_key == CONSUMER_KEY

    def get_client_secret(self, client_key: str, request: SignedRequest) -> str:
        return CONSUMER_SECRET

    def get_access_token_secret(self, client_key: str, token: str, request: SignedRequest) -> str:
        # An unknown token is signed with a secret that nobody has.
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
        """True once for each nonce, near the true time: a demo's clock moves only the posts."""
        if (timestamp, nonce) in self._seen:
            return False
        self._seen.add((timestamp, nonce))
        return abs(SystemClock().now().timestamp() - int(timestamp)) <= CLOCK_TOLERANCE_SECONDS


class OAuth:
    """The tokens that were handed out, and who signed a request."""

    def __init__(self) -> None:
        self._access = {TOKEN}
        self._begun: dict[str, RequestToken] = {}
        self._token_secrets = {TOKEN: TOKEN_SECRET}
        self._endpoint = SignatureOnlyEndpoint(_Validator(self._token_secrets))

    def allows(self, request: Request) -> bool:
        """Whether the account itself has signed this request."""
        signed = self._signed(request)
        return signed is not None and signed.resource_owner_key in self._access

    def answer(self, request: Request) -> Answer:
        match (request.method, request.path):
            case ("POST", "/oauth/request_token"):
                return self._begin(request)
            case ("GET", "/oauth/authorize"):
                return self._ask(request.query.get("oauth_token", ""))
            case ("POST", "/oauth/authorize"):
                return self._allow(request.form())
            case ("POST" | "GET", "/oauth/access_token"):
                return self._hand_out(request)
        return Answer.of_text(404, "Not Found")

    def _signed(self, request: Request) -> SignedRequest | None:
        if not request.headers.get("authorization", "").startswith("OAuth "):
            return None
        body = request.body.decode("utf-8") if request.mime_type == FORM else None
        headers = {"Authorization": request.headers["authorization"]}
        if body is not None:
            headers["Content-Type"] = FORM
        valid, signed = self._endpoint.validate_request(request.url, request.method, body, headers)
        return signed if valid else None

    def _begin(self, request: Request) -> Answer:
        signed = self._signed(request)
        if signed is None or signed.resource_owner_key:
            return Answer.of_text(401, "oauth_signature does not match expected value")
        callback = signed.redirect_uri or ""
        if callback and not is_sound(callback):
            return Answer.of_text(400, "oauth_callback is not valid")
        token, secret = secrets.token_hex(25), secrets.token_hex(25)
        self._begun[token] = RequestToken(secret, callback)
        self._token_secrets[token] = secret
        return _tokens(token, secret, oauth_callback_confirmed="true")

    def _ask(self, token: str) -> Answer:
        if token not in self._begun:
            return _page("<p>This log-in has ended. Begin again.</p>", status=404)
        return _page(
            "<p>Allow the publishing desk to read from this blog and to post to it?</p>"
            f'<form method="post"><input type="hidden" name="oauth_token" value="{html.escape(token)}">'
            '<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form>'
        )

    def _allow(self, form: dict[str, str]) -> Answer:
        begun = self._begun.get(form.get("oauth_token", ""))
        if begun is None:
            return _page("<p>This log-in has ended. Begin again.</p>", status=404)
        if form.get("answer") != "allow":
            del self._begun[form["oauth_token"]]
            if begun.callback:
                return leading_back(begun.callback, denied=form["oauth_token"])
            return _page("<p>Access was not allowed.</p>")
        begun.verifier = begun.verifier or secrets.token_hex(25)
        if begun.callback:
            return leading_back(begun.callback, oauth_token=form["oauth_token"], oauth_verifier=begun.verifier)
        return _page(f"<p>Access is allowed. Enter this at the desk:</p><p><code>{begun.verifier}</code></p>")

    def _hand_out(self, request: Request) -> Answer:
        signed = self._signed(request)
        asked = (signed.resource_owner_key if signed else None) or ""
        begun = self._begun.get(asked)
        if signed is None or begun is None or not begun.verifier or signed.verifier != begun.verifier:
            return Answer.of_text(401, "Missing or invalid oauth_verifier")
        del self._begun[asked]
        token, secret = secrets.token_hex(25), secrets.token_hex(25)
        self._access.add(token)
        self._token_secrets[token] = secret
        return _tokens(token, secret)


def _tokens(token: str, secret: str, **more: str) -> Answer:
    return Answer.of_text(200, urlencode({"oauth_token": token, "oauth_token_secret": secret, **more}), FORM)


def _page(content: str, *, status: int = 200) -> Answer:
    page = f'<!doctype html><html lang="en"><title>Tumblr sandbox</title><h1>Tumblr sandbox</h1>{content}</html>'
    return Answer.of_text(status, page, "text/html")
