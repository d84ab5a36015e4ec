"""How the network asks our web server: signed, with cookies, following redirects, as Twilio does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urldefrag, urljoin

import requests
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.simulator.faults import Faults

PATIENCE = 15.0  # Seconds until Twilio gives up on a webhook.
REDIRECTS = 10
NO_ANSWER = 11205
BAD_STATUS = 11200
IDEMPOTENCY = "I-Twilio-Idempotency-Token"
HEADERS = {
    "User-Agent": "TwilioProxy/1.1",
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "X-Home-Region": "us1",
}
FORM = "application/x-www-form-urlencoded; charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """What our web server answered; status 0 is no answer at all, `took` the seconds that were lost on it."""

    status: int
    content_type: str = ""
    body: str = ""
    cookies: tuple[str, ...] = ()  # The Set-Cookie headers as they came.
    location: str = ""
    took: float = 0.0

    @property
    def error(self) -> int:
        """Tell Twilio's code for what is wrong with the answer as such, or 0."""
        if self.status == 0:
            return NO_ANSWER
        if not 200 <= self.status < 300:  # noqa: PLR2004 - the range of success is HTTP's.
            return BAD_STATUS
        return 0


class Fetch(Protocol):
    """Send one request; a form of None is a GET."""

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        """Send it and return the answer, without following redirects."""


class RequestsFetch:
    """Send requests over real HTTP."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._session = requests.Session()
        self._session.trust_env = False
        # Calls share this session, and must never share a cookie: the jars of the network keep them apart.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount("http://", HTTPAdapter(pool_connections=8, pool_maxsize=256))

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        """Send one request; no answer in time is an answer of status 0."""
        try:
            answer = self._session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers=dict(headers),
                timeout=self._patience,
                allow_redirects=False,
            )
        except requests.RequestException:
            return Answer(0)
        answer.encoding = answer.encoding if "charset" in answer.headers.get("Content-Type", "") else "utf-8"
        return Answer(
            answer.status_code,
            answer.headers.get("Content-Type", ""),
            answer.text,
            tuple(answer.raw.headers.getlist("Set-Cookie")),
            answer.headers.get("Location", ""),
        )


def sign(token: str, url: str, form: Mapping[str, str]) -> str:
    """Sign a request as Twilio does: HMAC-SHA1 over the address and the sorted form."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass
class Jar:
    """The cookies of one call, or of a pair of numbers; each with the moment when it is forgotten."""

    now: Callable[[], float]
    life: float | None = None
    kept: dict[str, tuple[str, float | None]] = field(default_factory=dict)

    def keep(self, headers: tuple[str, ...]) -> None:
        """Keep what a Set-Cookie header says, or forget it where the header says so."""
        for header in headers:
            cookie: SimpleCookie = SimpleCookie()
            try:
                cookie.load(header)
            except CookieError:
                continue
            for name, morsel in cookie.items():
                age = float(morsel["max-age"]) if morsel["max-age"] else self.life
                self.kept[name] = (morsel.coded_value, None if age is None else self.now() + age)

    def header(self) -> str:
        """Write the Cookie header."""
        now = self.now()
        living = {name: value for name, (value, end) in self.kept.items() if end is None or end > now}
        return "; ".join(f"{name}={value}" for name, value in living.items())


class Webhooks:
    """Sends webhooks for the network, and spoils them where a fault says so."""

    def __init__(self, fetch: Fetch, token: str, faults: Faults) -> None:
        self.fetch = fetch
        self.token = token
        self.faults = faults
        self.differing: list[str] = []  # Addresses that answered a repeated webhook differently.

    def ask(self, url: str, form: Mapping[str, str], jar: Jar | None = None) -> Answer:
        """Send a webhook, as often as Twilio would, and return the answer that counts."""
        jar = jar or Jar(lambda: 0.0)
        cookie = jar.header()
        fault = self.faults.webhook(url)
        if fault is not None:
            if fault.reaches:
                self._send(url, form, cookie, {})
            return Answer(fault.status, "text/plain", took=0.0 if fault.status else PATIENCE)
        token = {IDEMPOTENCY: str(uuid.uuid4())}
        answer = self._send(url, form, cookie, {})
        if answer.status == 0:  # Twilio tries a second time when it could not connect.
            answer = self._send(url, form, cookie, token)
        if self.faults.duplicates(url):
            again = self._send(url, form, cookie, token)
            if again.body != answer.body:
                self.differing.append(url)
            answer = again
        jar.keep(answer.cookies)
        return answer

    def _send(self, url: str, form: Mapping[str, str], cookie: str, extra: Mapping[str, str]) -> Answer:
        url = urldefrag(url).url
        answer = self._once(url, form, cookie, extra)
        for _ in range(REDIRECTS):
            if answer.status not in {301, 302, 303, 307, 308} or not answer.location:
                return answer
            url = urljoin(url, answer.location)
            again = self._once(url, None, cookie, extra)  # A redirect loses the form.
            answer = replace(again, cookies=answer.cookies + again.cookies)
        return answer

    def _once(
        self, url: str, form: Mapping[str, str] | None, cookie: str, extra: Mapping[str, str]
    ) -> Answer:
        headers = {**HEADERS, **extra, "X-Twilio-Signature": sign(self.token, url, form or {})}
        if form is not None:
            headers["Content-Type"] = FORM
        if cookie:
            headers["Cookie"] = cookie
        return self.fetch(url, form, headers)
