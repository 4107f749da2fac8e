"""Gets Tumblr's tokens by OAuth 1, with a person in the middle."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import requests
from requests_oauthlib import OAuth1

from publisher.core.messages import _
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.login_steps import ADDRESS, LoginStep, Question, parse_callback
from publisher.platforms.transport import SentRequest, is_page, send_once
from publisher.platforms.tumblr.problem_codes import TumblrAccountProblem

LOGIN_HOST = "https://www.tumblr.com"
LOGGING_IN = SentRequest(_("Logging in to Tumblr"))
TIMEOUT = 30.0
TOKEN, SECRET, VERIFIER = "oauth_token", "oauth_token_secret", "oauth_verifier"


@dataclass(frozen=True, slots=True)
class TumblrLogin:
    """Logs in for one application. Its methods raise CredentialsRefused when Tumblr refuses the consumer key."""

    session: requests.Session
    host: str
    consumer_key: str
    consumer_secret: str = field(repr=False)

    def begin(self, callback_url: str) -> LoginStep:
        """Returns where a person allows access. Without `callback_url` Tumblr uses the application's own address.

        Raises:
            Unavailable: Tumblr was not reached, or did not answer as it should.
        """
        state = self._tokens("request_token", callback_uri=callback_url or None)
        address = f"{self.host}/oauth/authorize?{urlencode({TOKEN: state[TOKEN]})}"
        if callback_url:
            instructions = _(
                "Tumblr asks whether the desk may read the blog and post to it. Be logged in there as its owner."
            )
            return LoginStep(instructions=instructions, url=address, kept=state)
        instructions = _(
            "Open this address in a browser where you are logged in to Tumblr, and allow access:\n{address}",
            address=address,
        )
        question = Question(
            name=ADDRESS, text=_("The address that Tumblr then leads you to, whole, or its oauth_verifier")
        )
        return LoginStep(instructions=instructions, url=address, questions=(question,), kept=state)

    def finish(self, state: Mapping[str, str], answer: Mapping[str, str]) -> dict[str, str]:
        """Returns the account's `oauth_token` and `oauth_token_secret`.

        Raises:
            CredentialsRefused: access was not allowed, or the answer belongs to another log-in.
            Unavailable: Tumblr was not reached, or did not answer as it should.
        """
        return self._tokens(
            "access_token",
            resource_owner_key=state[TOKEN],
            resource_owner_secret=state[SECRET],
            verifier=_verifier(parse_callback(answer), state[TOKEN]),
        )

    def _tokens(self, page: str, **signature: Any) -> dict[str, str]:
        """Returns a token and its secret. Neither they nor the answer that holds them may stand in an error."""
        auth = OAuth1(self.consumer_key, client_secret=self.consumer_secret, **signature)
        url = f"{self.host}/oauth/{page}"
        response = send_once(self.session, "POST", url, sent=LOGGING_IN, read_timeout=TIMEOUT, auth=auth)
        status = response.status_code
        if status in (400, 401, 403) and not is_page(response):
            raise CredentialsRefused(TumblrAccountProblem.LOGIN_REFUSED(status=status), status=status)
        fields = parse_qs(response.text) if status == 200 else {}
        if TOKEN not in fields or SECRET not in fields:
            raise Unavailable(TumblrAccountProblem.LOGIN_UNANSWERED(status=status), status=status)
        return {TOKEN: fields[TOKEN][0], SECRET: fields[SECRET][0]}


def _verifier(answer: Mapping[str, str], token: str) -> str:
    if alone := answer.get(ADDRESS):
        return alone
    if not answer.get(VERIFIER):
        raise CredentialsRefused(TumblrAccountProblem.ACCESS_DENIED())
    if not hmac.compare_digest(answer.get(TOKEN, "").encode(), token.encode()):
        raise CredentialsRefused(TumblrAccountProblem.OTHER_LOGIN())
    return answer[VERIFIER]
