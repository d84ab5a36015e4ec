"""Texts: what comes in, what our server answers, what goes out, and the opt-out that Twilio keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.simulator import forms
from ivr.simulator.documents import UNKNOWN_VERB, page_of
from ivr.simulator.segments import segments
from ivr.simulator.tasks import Steps, Task, Wait, Work
from ivr.simulator.webhooks import Jar

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ivr.simulator.documents import Page
    from ivr.simulator.exchange import Exchange
    from ivr.simulator.webhooks import Answer

COOKIE_LIFE = 4 * 3600.0
OPTED_OUT, TOO_LONG, LANDLINE = 21610, 21617, 30006
LONGEST = 1600
FINAL = frozenset({"delivered", "undelivered", "failed", "received", "canceled"})

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})
FRENCH = {"ARRET": "STOP", "ARRÊT": "STOP", "AIDE": "HELP"}
REPLIES = {
    "STOP": "You have successfully been unsubscribed. "
    "You will not receive any more messages from this number. Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. "
    "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


@dataclass(eq=False)
class Message:
    """One text, in or out."""

    sid: str
    direction: str
    sender: str
    to: str
    body: str
    created: float
    status: str
    media: int = 0
    callback: str | None = None
    error: int = 0
    answered: bool = False  # Whether our server's word on it has come, or never will.
    by_network: bool = False  # Twilio's own reply to STOP, START or HELP.
    segments: int = field(init=False)

    def __post_init__(self) -> None:
        self.segments = segments(self.body)

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL


class Refused(Exception):  # noqa: N818 - it is the network's answer, and it names Twilio's code.
    """The network does not take this text."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class Texts:
    """Carries texts between telephones and our server."""

    def __init__(self, exchange: Exchange, opt_out: str) -> None:
        self.exchange = exchange
        self.advanced = opt_out == "advanced"
        self.messages: dict[str, Message] = {}
        self.stopped: set[str] = set()
        self.unreachable: set[str] = set()  # Landlines and the like.
        self.undelivered: int = LANDLINE  # Why those get no text.
        self._jars: dict[str, Jar] = {}

    def come_in(self, sender: str, body: str, media: int = 0) -> Message:
        """Take a text from a telephone, and ask our server about it."""
        message = self._new("inbound", sender, self.exchange.number, body, "received")
        message.media = media
        self.exchange.feed.add(message.sid, sender, "texts", body)
        word = self._keyword(body)
        extra = {}
        if word:
            self._obey(word, sender)
            if self.advanced:
                extra = {"OptOutType": word, "MessagingServiceSid": self.exchange.sid("MG")}
        Task(self.exchange.clock, self._ask(message, extra))
        return message

    def send(
        self, to: str, body: str, callback: str | None = None, direction: str = "outbound-api"
    ) -> Message:
        """Send a text to a telephone."""
        if to in self.stopped:
            raise Refused(OPTED_OUT, "Attempt to send to unsubscribed recipient")
        if len(body) > LONGEST:
            raise Refused(TOO_LONG, "The concatenated message body exceeds the 1600 character limit.")
        message = self._new(direction, self.exchange.number, to, body, "queued")
        message.callback = callback
        Task(self.exchange.clock, self._deliver(message))
        return message

    def _keyword(self, body: str) -> str:
        word = body.strip().upper()
        if self.advanced and word in FRENCH:
            return FRENCH[word]
        kinds = {"STOP": STOP, "START": START, "HELP": HELP}
        return next((kind for kind, words in kinds.items() if word in words), "")

    def _obey(self, word: str, sender: str) -> None:
        if word == "START" and sender not in self.stopped:
            return  # Nobody is told that they are what they were.
        if word == "START":
            self.stopped.discard(sender)
        if word != "STOP" or sender not in self.stopped:
            self.send(sender, REPLIES[word], direction="outbound-reply").by_network = True
        if word == "STOP":
            self.stopped.add(sender)

    def _ask(self, message: Message, extra: dict[str, str]) -> Steps[None]:
        page = yield from self._page(message, extra)
        if page is not None:
            self._reply(message, page)
        message.answered = True

    def _page(self, message: Message, extra: dict[str, str]) -> Steps[Page | None]:
        form = forms.text(message, self.exchange.account_sid) | extra
        page, code = yield from self._fetch(self.exchange.urls.sms, form)
        fallback = self.exchange.urls.sms_fallback
        if page is None:
            self.exchange.feed.notice(message.sid, code, self.exchange.urls.sms)
        if page is None and fallback is not None:
            errors = {"ErrorCode": str(code), "ErrorUrl": self.exchange.urls.sms}
            page, code = yield from self._fetch(fallback, form | errors)
            if page is None:
                self.exchange.feed.notice(message.sid, code, fallback)
        return page

    def _fetch(self, url: str, form: dict[str, str]) -> Steps[tuple[Page | None, int]]:
        jar = self._jars.setdefault(form["From"], Jar(self.exchange.clock.now, COOKIE_LIFE))
        answer: Answer = yield Work(lambda: self.exchange.webhooks.ask(url, form, jar))
        if answer.took:
            yield Wait(answer.took)
        return (None, answer.error) if answer.error else page_of(url, answer)

    def _reply(self, message: Message, page: Page) -> None:
        for verb in page.verbs:
            if verb.tag != "Message":
                self.exchange.feed.notice(message.sid, UNKNOWN_VERB, f"{verb.tag} in {page.url}")
                continue
            body = _words(verb)
            try:
                callback = verb.get("statusCallback")
                self.send(
                    verb.get("to", message.sender),
                    body,
                    page.join(callback) if callback else None,
                    direction="outbound-reply",
                )
            except Refused as refusal:
                self.exchange.feed.notice(message.sid, refusal.code, body)

    def _deliver(self, message: Message) -> Steps[None]:
        last = "undelivered" if message.to in self.unreachable else "delivered"
        for status, seconds in (("sending", 0.1), ("sent", 0.2), (last, 1.0)):
            yield Wait(seconds)
            message.status = status
            if status == "undelivered":
                message.error = self.undelivered
            if status == "sent" and last == "delivered":
                self.exchange.feed.add(message.sid, message.to, "reads", message.body)
            if message.callback and status != "sending":
                form = forms.text_status(message, self.exchange.account_sid)
                self.exchange.callbacks.send("message", message.callback, form)

    def _new(self, direction: str, sender: str, to: str, body: str, status: str) -> Message:
        now = self.exchange.clock.now()
        message = Message(self.exchange.sid("SM"), direction, sender, to, body, now, status)
        self.messages[message.sid] = message
        return message


def _words(verb: Element) -> str:
    bodies = [body.text or "" for body in verb.findall("Body")]
    return "".join(bodies) if bodies else "".join(verb.itertext())
