"""Fetches TwiML documents for a leg and follows them from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from ivr.simulator import forms
from ivr.simulator.legs import lasts
from ivr.simulator.tasks import HungUp, Interruption, Steps, Work

if TYPE_CHECKING:
    from ivr.simulator.legs import Leg
    from ivr.simulator.webhooks import Answer

SORRY = "We are sorry, an application error has occurred. Goodbye."
LARGEST = 64 * 1024
TWIML = ("text/xml", "application/xml", "text/html")
AT_ONCE = 60  # So many documents in one second are a loop that nobody would live through.
UNKNOWN_VERB, TOO_LARGE, NOT_XML, BAD_TYPE, NO_BODY, LOOP = 12200, 11750, 12100, 12300, 11770, 11215


@dataclass(frozen=True)
class Request:
    """A document to be fetched, with what the form holds besides the standard set; or one given whole."""

    url: str
    extra: Mapping[str, str] = field(default_factory=dict)
    twiml: str = ""


@dataclass(frozen=True)
class Page:
    """A document that was fetched."""

    url: str
    verbs: list[ET.Element]

    def join(self, address: str | None) -> str:
        """Tell the whole address of a link in this document; an empty one is the document itself."""
        return urljoin(self.url, address or "")


Verb = Callable[["Leg", ET.Element, Page], Steps["Request | None"]]
Verbs = Mapping[str, Verb]


class Redirected(Interruption):
    """A live leg was sent to another document through REST."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.url)
        self.request = request


class Unreadable(Interruption):
    """A document could not be had, and there is no fallback for it."""

    def __init__(self, code: int, url: str) -> None:
        super().__init__(url)
        self.code = code


def attend(leg: Leg, request: Request, verbs: Verbs) -> Steps[None]:
    """Follow documents to their end, also where REST sends the leg elsewhere."""
    while True:
        try:
            yield from _follow_or_apologize(leg, request, verbs)
        except Redirected as news:
            leg.log("redirected", news.request.url)
            request = news.request
        else:
            return


def _follow_or_apologize(leg: Leg, request: Request, verbs: Verbs) -> Steps[None]:
    try:
        yield from follow(leg, request, verbs)
    except Unreadable:
        yield from apologize(leg)


def follow(leg: Leg, request: Request | None, verbs: Verbs) -> Steps[None]:
    """Follow documents until one ends without leading anywhere."""
    while request is not None:
        page = yield from read(leg, request)
        request = yield from perform(leg, page, verbs)


def read(leg: Leg, request: Request) -> Steps[Page]:
    """Fetch a document; where it is unusable, the fallback document once."""
    if request.twiml:
        return _parsed(leg, request.url, request.twiml)
    page, code = yield from _fetch(leg, request.url, request.extra)
    if page is not None:
        return page
    leg.exchange.feed.notice(leg.sid, code, request.url)
    if leg.plan.fallback is not None and leg.standing is None:  # A wait document has no fallback.
        errors = {"ErrorCode": str(code), "ErrorUrl": request.url}
        page, code = yield from _fetch(leg, leg.plan.fallback, errors)
        if page is not None:
            return page
        leg.exchange.feed.notice(leg.sid, code, leg.plan.fallback)
    raise Unreadable(code, request.url)


def apologize(leg: Leg) -> Steps[None]:
    """Say what Twilio says when a document is unusable, and hang up."""
    leg.log("heard", SORRY, 4.0)
    yield from lasts(leg, 4.0)
    raise HungUp("line")


def perform(leg: Leg, page: Page, verbs: Verbs) -> Steps[Request | None]:
    """Execute the verbs of a document until one leads elsewhere."""
    for verb in page.verbs:
        if verb.tag not in verbs:
            leg.exchange.feed.notice(leg.sid, UNKNOWN_VERB, f"{verb.tag} in {page.url}")
            continue
        request = yield from verbs[verb.tag](leg, verb, page)
        if request is not None:
            return request
    return None


def _fetch(leg: Leg, url: str, extra: Mapping[str, str]) -> Steps[tuple[Page | None, int]]:
    exchange = leg.exchange
    form = forms.voice(leg) | (leg.standing() if leg.standing else {}) | dict(extra)
    if exchange.races(leg):
        return None, LOOP
    answer = cast("Answer", (yield Work(lambda: exchange.webhooks.ask(url, form, leg.jar))))
    if answer.took:
        yield from lasts(leg, answer.took)
    if answer.error:
        return None, answer.error
    return page_of(url, answer)


def page_of(url: str, answer: Answer) -> tuple[Page | None, int]:
    """Read an answer as a document, or tell the code of what is wrong with it."""
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind.startswith("audio/"):
        return Page(url, [_element("Play", url), ET.Element("Hangup")]), 0
    if len(answer.body.encode()) > LARGEST:
        return None, TOO_LARGE
    if kind not in {*TWIML, "text/plain"}:
        return None, BAD_TYPE
    if not answer.body.strip():
        return None, NO_BODY
    try:
        return Page(url, _verbs(answer.body)), 0
    except ET.ParseError:
        if kind != "text/plain":
            return None, NOT_XML
        return Page(url, [_element("Say", answer.body), ET.Element("Hangup")]), 0


def _parsed(leg: Leg, url: str, twiml: str) -> Page:
    try:
        return Page(url, _verbs(twiml))
    except ET.ParseError as error:
        leg.exchange.feed.notice(leg.sid, NOT_XML, url)
        raise Unreadable(NOT_XML, url) from error


def _element(tag: str, text: str) -> ET.Element:
    element = ET.Element(tag)
    element.text = text
    return element


def _verbs(body: str) -> list[ET.Element]:
    root = ET.fromstring(body)  # noqa: S314 - what we read is our own server's, in a rehearsal.
    if root.tag != "Response":
        raise ET.ParseError("the root is not Response")
    return list(root)
