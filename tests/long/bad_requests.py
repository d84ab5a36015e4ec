"""Requests that nobody sends in good faith, drawn by lot: the same seed and number draw the same one again.

Nearly all carry a right signature, or the cookie and the token of an operator who is signed in: whoever made
them knows the line from inside. What they hold is arbitrary. Each telephone number, each of Twilio's ids and
each sentence of a caller in them can be told from all else (`PLANTED`).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import werkzeug.urls  # noqa: F401 - how Flask reads a form that is no UTF-8
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from ivr.operations.local_stack import ACCOUNT, NUMBER
from ivr.position import Position
from ivr.web.server.wsgi_adapter import LARGEST_BODY, MOST_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ivr.flow.models import Flow

FORM = "application/x-www-form-urlencoded"
WORD, SID = "Quillbane", "5ad0fa11"  # Words of callers; how each of Twilio's ids begins, behind its kind.
PLANTED = re.compile(  # Numbers of callers too, +1 289 555 2000 to 9999, however they are written.
    rb"(?i)" + WORD.encode() + rb"|(?:CA|SM|MM|RE)" + SID.encode() + rb"[0-9a-f]{24}"
    rb"|(?<![0-9a-f])(?:1\W{0,2})?2\W{0,2}8\W{0,2}9\W{0,3}5\W{0,2}5\W{0,2}5\W{0,3}[2-9](?:\W{0,2}[0-9]){3}(?![0-9a-f])"
)
OPERATORS_WORD = "Brambleton"  # In forms of the console, of which some are kept: none is to be in a log.
ODD = (
    *("", " ", "\0", "\r\nX-Injected: 1", "%00", "%s%s%n", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}"),
    *("' OR 1=1 --", "]]></Say><Dial>+19005550123</Dial>", "<script>alert(1)</script>", "../../etc/passwd"),
    *("\u202e\u202d", "\ufeff", "\ufffd", "e\u0301" * 30, "👩\u200d👧", "ﷺ" * 10, "\u0131", "İ", "ẞ", "٣"),
    *("-1", "0", "1e999", "9" * 400, "NaN", "true", "null", "[]", "1;2", "\uff10", "\x1b[2J", "\u2028"),
)
SENTENCES = (
    *("stop him he is hitting me", "I want to die", "je veux parler à quelqu'un", "STOP", "DELETE", "EXIT"),
    *("signs", "help", "1", "9", "0", "*", "#", "CALL", "yes", "no", "who is this", "wrong number", "START"),
    *(
        "he keeps my passport",
        "tienen mis papeles",
        "他拿走了我的护照",
        "ਉਹ ਮੈਨੂੰ ਮਾਰਦਾ ਹੈ",
        "أريد المساعدة",
        "START",
    ),
)
STATUSES = ("ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled", "evaporated")
CALL_FIELDS = {
    "Digits": ("1", "2", "3", "8", "9", "0", "*", "#", "12", "", "hangup", "٣"),
    "CallStatus": STATUSES,
    "DialCallStatus": (*STATUSES, "answered"),
    "DialBridged": ("true", "false", "perhaps"),
    "DialCallDuration": ("0", "41", "-1", "9" * 30),
    "CallDuration": ("0", "63", "-5", "9" * 30, "٣"),
    "QueueResult": ("hangup", "leave", "bridged", "error", "redirected", "queue-full", "else"),
    "QueueTime": ("0", "5", "60", "121", "-1", "9" * 30, "x"),
    "QueueSid": ("QU" + "0" * 32,),
    "AnsweredBy": ("human", "machine_start", "fax", "unknown", "cat"),
    "SpeechResult": (*SENTENCES, WORD),
    "Confidence": ("0.9", "0", "1e999", "nan", "x"),
    "StirVerstat": ("TN-Validation-Passed-A", "TN-Validation-Failed-A", "", "x"),
    "CallerName": (WORD, f"{WORD} 🙂"),
    "FromCity": (WORD.upper(), "HAMILTON"),
    "MessageStatus": ("sent", "delivered", "undelivered", "failed", "read", "x"),
    "ErrorCode": ("30007", "10004", "11200", "x", "9" * 30),
    "OptOutType": ("STOP", "START", "HELP", "PAUSE"),
    "SequenceNumber": ("0", "3", "-1", "x"),
    "Timestamp": ("Mon, 05 Jan 2026 15:00:00 +0000", "x", ""),
    "Payload": ('{"error_code":"10004"}', "{", "[]", '{"error_code":[]}', '"' + WORD + '"'),
    "Level": ("ERROR", "WARNING"),
    "NumMedia": ("0", "10", "-1", "x"),
    "AddOns": ("{}", "{", '{"status":"successful"}'),
    "CallToken": (quote('{"parentCallInfoToken":"a.b.c"}'),),
}
FROM = ("anonymous", "+266696687", "", "24365", "client:x", f"sip:{WORD}@pbx.example", "+442079460147", "x")


@dataclass(frozen=True)
class BadRequest:
    """One request, as it goes over the wire."""

    kind: str
    server: str  # "web" or "console".
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_trusted: bool = True  # Rightly signed, or of somebody signed in.
    raw: bytes = b""  # Sent as it stands in place of all that, over a connection of its own.


@dataclass(frozen=True)
class ConsoleForm:
    """A form of a page: where it leads, and what it holds as it is shown."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]


def kind_of(path: str) -> str:
    """Tell what pages of a kind share: the first word of the console's, the language of the public one's."""
    folders = urlsplit(path).path.split("/")
    return "/".join(folders[: 3 if folders[1:2] == ["console"] else 2])


@dataclass(frozen=True)
class Target:
    """What is known of the line by whoever draws requests."""

    token: str
    public_url: str
    console_port: int
    flow: Flow
    pages: Sequence[str] = ()  # Addresses of the console that can be read, and of the public page.
    forms: Sequence[ConsoleForm] = ()
    session: Callable[[], str] = lambda: ""  # The Cookie header of an operator who is signed in.
    csrf: Callable[[], str] = lambda: ""

    @cached_property
    def posts(self) -> dict[str, list[ConsoleForm]]:
        """Sort the forms that are sent, by where they lead: there are more of prompts than of all others."""
        kinds: dict[str, list[ConsoleForm]] = {}
        for form in self.forms:
            if form.method == "post":
                kinds.setdefault(kind_of(form.action), []).append(form)
        return kinds

    @cached_property
    def stops(self) -> list[str]:
        """Name every stop."""
        return sorted(self.flow.stops)

    def sign(self, path: str, pairs: Sequence[tuple[str, str]]) -> str:
        """Sign a request by Twilio's own library."""
        form: MultiDict[str, str] = MultiDict(pairs)
        signed: str = RequestValidator(self.token).compute_signature(self.public_url + path, form)
        return signed


def draw(target: Target, seed: int, number: int) -> BadRequest:
    """Draw the request of a number."""
    lot = Lot(target, random.Random(f"{seed} {number}"), seed, number)  # noqa: S311 - a test's lot
    (kind,) = lot.chance.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    return replace(KINDS[kind][1](lot), kind=kind)


@dataclass(frozen=True)
class Lot:
    """What is drawn for one request."""

    target: Target
    chance: random.Random = field(repr=False)
    seed: int
    number: int

    def one(self, *of: str) -> str:
        """Draw one of some."""
        return self.chance.choice(of)

    def often(self, share: float) -> bool:
        """Whether something happens that happens in such a share."""
        return self.chance.random() < share

    def phone(self) -> str:
        """Draw a caller's number."""
        if self.often(0.12):
            return self.chance.choice(FROM)
        return f"+1289555{self.chance.randrange(2000, 10_000)}"

    def sid(self, kind: str = "CA") -> str:
        """Draw one of Twilio's ids."""
        return f"{kind}{SID}{self.chance.getrandbits(96):024x}"

    def text(self) -> str:
        """Draw words: what people write, what breaks things, or anything at all."""
        match self.chance.randrange(6):
            case 0:
                return self.chance.choice(SENTENCES)
            case 1:
                return f"{self.chance.choice(SENTENCES)} {WORD} {self.phone()}"
            case 2:
                return self.chance.choice(ODD)
            case 3:
                return self.chance.choice(ODD) * self.chance.randrange(1, 40)
            case 4:
                return "".join(map(chr, self._code_points(self.chance.randrange(1, 200))))
        return f"{WORD} " * self.chance.randrange(1, 300)

    def _code_points(self, count: int) -> list[int]:
        starts = (0x20, 0xA0, 0x300, 0x400, 0x600, 0x900, 0xA00, 0x3040, 0x4E00, 0xFE00, 0x1F600, 0xE0100)
        return [self.chance.choice(starts) + self.chance.randrange(0, 0x60) for _ in range(count)]

    def fields(self, most: int = 6) -> list[tuple[str, str]]:
        """Draw fields of a webhook, some with a value that Twilio may send and some with any."""
        names = self.chance.sample(sorted(CALL_FIELDS), self.chance.randrange(0, most))
        return [
            (name, self.text() if self.often(0.15) else self.chance.choice(CALL_FIELDS[name]))
            for name in names
        ]

    def call(self, *more: tuple[str, str]) -> list[tuple[str, str]]:
        """Draw the form of a call."""
        form = [
            ("CallSid", self.sid()),
            ("AccountSid", ACCOUNT),
            ("From", self.phone()),
            ("To", NUMBER),
            ("CallStatus", "in-progress"),
            ("Direction", "inbound"),
            *more,
        ]
        return [pair for pair in form if not self.often(0.03)]

    def webhook(self, path: str, pairs: Sequence[tuple[str, str]], cookie: str = "") -> BadRequest:
        """Write a signed webhook."""
        return self.signed(path, urlencode(pairs).encode(), pairs, cookie=cookie)

    def signed(  # noqa: PLR0913 - what may be odd about a webhook
        self,
        path: str,
        body: bytes,
        pairs: Sequence[tuple[str, str]],
        *,
        kind: str = FORM,
        cookie: str = "",
        more: Sequence[tuple[str, str]] = (),
        seen: str = "",
    ) -> BadRequest:
        """Sign a body; ``seen`` is the path as it is decoded, where that is another."""
        headers = [
            ("Host", self.target.public_url.partition("//")[2]),
            ("User-Agent", "TwilioProxy/1.1"),
            ("X-Twilio-Signature", self.target.sign(seen or path, pairs)),
            ("Content-Type", kind),
            *([("Cookie", cookie)] if cookie else []),
            *more,
        ]
        if "Transfer-Encoding" not in dict(more):
            headers.append(("Content-Length", str(len(body))))
        return BadRequest("", "web", "POST", path, tuple(headers), body)

    def any_form(self) -> ConsoleForm:
        """Draw a form of the console, of each kind as often."""
        return self.chance.choice(self.target.posts[self.chance.choice(sorted(self.target.posts))])

    def odd_name(self) -> str:
        """Draw what hardly is a name."""
        return self.chance.choice((*ODD, OPERATORS_WORD, "x" * 300))

    def operators_text(self) -> str:
        """Draw what an operator could type, or a page hand back."""
        if self.often(0.3):
            days = ("2026-11-01", "2026-13-45", "0000-00-00", "9999-12-31", "2026-11", "1", "30", "-1", "1e9")
            return self.chance.choice(days)
        phone = f"+1365555{self.chance.randrange(2000, 10_000)}"
        return self.chance.choice((*ODD, OPERATORS_WORD, f"{OPERATORS_WORD} {phone}", "é" * 3000, "fr", "en"))

    def position(self) -> str:
        """Draw a position: most are such as the line could have written, and lead anywhere."""
        target, chance = self.target, self.chance
        stop = chance.choice([*target.stops, "", "gone", "x" * 60])
        language = chance.choice([*target.flow.line.languages, "", "xx", "eo-eo"])
        here = Position(stop, language, chance.choice((0, 1, 2, 9, 10**9)), chance.randrange(0, 6))
        orders, agencies = [*target.flow.directory.orders, "gone"], [*target.flow.directory.agencies, "gone"]
        if self.often(0.3):
            here = replace(here, month=chance.choice(("2026-11", "1970-01", "9999-12", "x")))
        if self.often(0.2):
            here = replace(here, question=chance.choice((0, 1, 7, 99)), yes=chance.choice((0, 1, 99)))
        if self.often(0.1):
            here = replace(here, held=True)
        if self.often(0.2):
            here = replace(here, about=chance.choice([*target.stops, "gone"]))
        if self.often(0.1):
            here = replace(here, transfer_id=chance.choice(("c0ffee", "a" * 32)))
        if self.often(0.2):
            tried = tuple(chance.choices(agencies, k=chance.randrange(0, 4)))
            asked = chance.choice((0, 1_790_000_000, 9_999_999_999))
            here = replace(here, order=chance.choice(orders), asked=asked, tried=tried)
        elif self.often(0.1):
            here = replace(here, choices=tuple(chance.choices([*target.stops, "gone"], k=3)))
        path = here.path()
        if self.often(0.15):
            parts = path.split("/")
            chance.shuffle(parts)
            path = "/".join(parts[: chance.randrange(1, 9)])
        return path


def _voice(lot: Lot) -> BadRequest:
    path = "/voice" if lot.often(0.1) else f"/voice/{lot.position()}"
    return lot.webhook(path, lot.call(*lot.fields()))


def _waiting(lot: Lot) -> BadRequest:
    chance = lot.chance
    transfer, language = (
        chance.choice(("c0ffee", "a" * 32, "x")),
        chance.choice(("en", "fr", "-", "xx", "zh")),
    )
    numbers = [
        str(chance.choice((0, 1, 2, 60, 1_790_000_000, 10**18))) for _ in range(chance.randrange(2, 5))
    ]
    path = "/".join(("/wait", transfer, language, *numbers))
    return lot.webhook(path + lot.one("", "", "?again=3", "?again=99", "?again=x"), lot.call(*lot.fields()))


def _agency_leg(lot: Lot) -> BadRequest:
    chance, agencies = lot.chance, [*lot.target.flow.directory.agencies, "gone"]
    attempt = chance.choice(("0", "1", "7", "99999999999999999999"))
    leg = chance.choice(("whisper", "decided", "join", "over", "status", "en/" + chance.choice(agencies)))
    after = "/joined" if leg.startswith("en/") else ""
    path = f"/transfers/{chance.choice(('c0ffee', 'a' * 32))}/{leg if after else f'{attempt}/{leg}'}{after}"
    if lot.often(0.4):
        agency = chance.choice(agencies)
        path = f"/agency/{chance.choice(('c0ffee', 'b' * 32))}/{attempt}/en/{agency}{lot.one('', '/decided')}"
    return lot.webhook(path, lot.call(*lot.fields()))


def _callback(lot: Lot) -> BadRequest:
    paths = (
        "/voice/status",
        "/voice/fixed",
        "/voice/farewell",
        "/called",
        "/called/decided",
        "/called/status",
    )
    path = lot.one(*paths, "/debugger", "/sms/status", "/sms/status", "/debugger")
    sid = [("MessageSid", lot.sid("SM"))] if path.startswith("/sms") else []
    return lot.webhook(path, lot.call(*sid, *lot.fields(9)))


def _text(lot: Lot) -> BadRequest:
    form = [
        ("MessageSid", lot.sid("SM")),
        ("AccountSid", ACCOUNT),
        ("From", lot.phone()),
        ("To", NUMBER),
        ("Body", lot.text()),
        *(lot.fields(3) if lot.often(0.3) else ()),
    ]
    made_up = (f"p={WORD}", "p=WyJhIiwiYiIsMV0.x", "p=" + "A" * 3000, "p=; p=;;", "p", 'p="\\\\""')
    return lot.webhook("/sms", [pair for pair in form if not lot.often(0.04)], lot.one("", "", *made_up))


def _many_fields(lot: Lot) -> BadRequest:
    most = lot.chance.choice((1, 20, MOST_FIELDS - 1, MOST_FIELDS, MOST_FIELDS + 1, 3 * MOST_FIELDS))
    names = (
        "CallSid",
        "From",
        "Body",
        "Digits",
        "Digits[]",
        "",
        " ",
        "é",
        "x" * 500,
        "__class__",
        "a.b",
        "\0",
    )
    fields = [(lot.chance.choice(names), lot.chance.choice(ODD)) for _ in range(most)]
    return lot.webhook(lot.one("/voice", "/sms", f"/voice/{lot.position()}", "/voice/status"), fields)


def _encoding(lot: Lot) -> BadRequest:
    chance = lot.chance
    value = "".join(f"%{byte:02X}" for byte in chance.randbytes(chance.randrange(1, 60)))
    body = f"CallSid={lot.sid()}&MessageSid={lot.sid('SM')}&Digits={value}&Body={value}&%FF=%ED%A0%80"
    if lot.often(0.4):
        body += lot.one("&&&", "&a", "&=", "&%", "&%zz=1", "&a=1=2", ";b=2", "&a=+%2B", "&a=1#b", "?c=1")
    pairs = parse_qsl(body, keep_blank_values=True, errors="werkzeug.url_quote")
    sent = body.encode()
    if lot.often(0.1):
        sent, pairs = sent + b"&x=\xff\xfe", []  # No UTF-8 at all: then there are no fields.
    kind = lot.one(FORM, f"{FORM}; charset=UTF-8", f"{FORM}; charset=utf-16", f"{FORM};", FORM.upper())
    return lot.signed(lot.one("/voice/2/en/main/0", "/sms", "/voice/status"), sent, pairs, kind=kind)


def _other_body(lot: Lot) -> BadRequest:
    """Write a body that is no form: it has no fields, and the signature is of the address alone."""
    if lot.often(0.3):
        pairs = lot.call(("Digits", "1"))
        whole = urlencode(pairs).encode()
        parts = [whole[:7], whole[7:]]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        return lot.signed("/voice/2/en/main/0", body, pairs, more=[("Transfer-Encoding", "chunked")])
    kind, body = lot.chance.choice(
        (
            ("application/json", b'{"CallSid":"x"}'),
            ("text/plain", WORD.encode()),
            ("multipart/form-data", b"--x--"),
            (
                "multipart/form-data; boundary=x",
                b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
            ),
            ("", b"CallSid=1"),
            ("/;=", b"\0\1\2"),
        )
    )
    return lot.signed(lot.one("/voice", "/sms", "/voice/2/en/main/0"), body, [], kind=kind)


def _size(lot: Lot) -> BadRequest:
    size = lot.chance.choice((1000, LARGEST_BODY - 200, LARGEST_BODY, LARGEST_BODY + 1, 10 * LARGEST_BODY))
    head = [("CallSid", lot.sid()), ("MessageSid", lot.sid("SM")), ("From", lot.phone())]
    field_name = lot.one("Body", "Digits", "SpeechResult", "x")
    rest = max(0, size - len(urlencode([*head, (field_name, "")])))
    return lot.webhook(
        lot.one("/voice/2/en/main/0", "/sms"), [*head, (field_name, lot.one("a", "1", "é") * rest)]
    )


def _headers(lot: Lot) -> BadRequest:
    odd = {
        "X-Forwarded-For": f"{WORD}, 127.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-HTTP-Method-Override": "DELETE",
        "Accept": "*/*;q=" + "9" * 200,
        "Accept-Language": ",".join(["xx"] * 200),
        "Accept-Encoding": "br;q=x, gzip",
        "Cookie": "; ".join(f"c{n}={WORD}" for n in range(40)),
        "Content-Encoding": "gzip",
        "I-Twilio-Idempotency-Token": WORD,
        "Referer": f"https://example.com/{WORD}",
        "Authorization": f"Basic {WORD}",
        "If-None-Match": "*",
        "Range": "bytes=0-0,-1",
        "Expect": "100-continue",
        "Upgrade": "websocket",
        "X-" + "a" * 100: "b" * 4000,
    }
    chosen = [(name, odd[name]) for name in lot.chance.sample(sorted(odd), lot.chance.randrange(1, 5))]
    pairs = lot.call(("Digits", lot.one("1", "9")), ("MessageSid", lot.sid("SM")), ("Body", "signs"))
    path = lot.one("/voice", "/sms", f"/voice/{lot.position()}")
    return lot.signed(path, urlencode(pairs).encode(), pairs, more=chosen)


def _path(lot: Lot) -> BadRequest:
    """Write an address that the line did not; Twilio signs it as it is read."""
    seen = lot.one(
        *(
            "/voice/",
            "/voice//",
            "/voice/é",
            "/voice/ 1",
            "/voice/../console/",
            "/voice/1/en/main/0/",
            "//voice",
        ),
        *("/voice/" + "a" * 500, "/voice/" + "1/" * 200, f"/voice/{WORD}", "/x", "/", "/wait/a/b", "/Voice"),
        *(
            "/voice/1/EN/main/0",
            "/voice/01/en/main/00",
            "/voice/1/en/main/0/q/1",
            "/audio/en/x.mp3",
            "/sms/x",
        ),
        *(
            "/voice/%s",
            "/voice/\u202e",
            "/agency/a/-1/en/b",
            "/transfers/x/1.5/whisper",
            "/health",
            "/metrics",
        ),
    )
    query = lot.one("", "", "", "?", "?a=1&a=2", f"?{WORD}", "?" + "x" * 3000, "?again=1", "?bodySHA256=x")
    path = quote(seen, safe="/") + query
    pairs = lot.call(*lot.fields(3))
    signed = seen + ("" if query == "?" else query)
    return lot.signed(path, urlencode(pairs).encode(), pairs, seen=signed)


def _method(lot: Lot) -> BadRequest:
    path, pairs = lot.one("/voice", "/voice/2/en/main/0", "/sms", "/voice/status"), lot.call()
    method = lot.one("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY", "X")
    if method in {"GET", "HEAD"}:
        path += "?" + urlencode(pairs)
        return replace(lot.signed(path, b"", []), method=method)
    return replace(lot.webhook(path, pairs), method=method)


def _replay(lot: Lot) -> BadRequest:
    """Send an earlier request again."""
    return draw(lot.target, lot.seed, lot.chance.randrange(lot.number)) if lot.number else _voice(lot)


# Requests of nobody whom the line trusts.


def _forged(lot: Lot) -> BadRequest:
    request = lot.chance.choice((_voice, _text, _callback))(lot)
    wrong = lot.one("", "x", "é".encode().decode("latin-1"), "A" * 28, "=" * 5000)
    others = tuple(pair for pair in request.headers if pair[0] != "X-Twilio-Signature")
    return replace(request, headers=(*others, ("X-Twilio-Signature", wrong)), is_trusted=False)


def _garbage(lot: Lot) -> BadRequest:
    raw = lot.chance.choice(
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET\r\n\r\n",
            b"POST /voice HTTP/9.9\r\n\r\n",
            b"POST /voice HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            b"POST /voice HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
            b"POST /voice HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2000 + b"\r\n",
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
            b"GET /voice/\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
            lot.chance.randbytes(200),
        )
    )
    return BadRequest("", lot.one("web", "console"), "", "", raw=raw, is_trusted=False)


# Requests of an operator who is signed in.


def _console(  # noqa: PLR0913 - what may be odd about a request
    lot: Lot, method: str, path: str, body: bytes = b"", kind: str = FORM, *, trusted: bool = True
) -> BadRequest:
    headers = [("Host", f"127.0.0.1:{lot.target.console_port}"), ("Content-Length", str(len(body)))]
    headers += [("Content-Type", kind)] if body else []
    headers += [("Cookie", "{session}")] if trusted else []  # The one of then: see `dressed`.
    return BadRequest("", "console", method, path, tuple(headers), body, is_trusted=trusted)


def dressed(request: BadRequest, session: str) -> BadRequest:
    """Give a request of the console the cookie that its operator has now."""
    headers = tuple((name, session if value == "{session}" else value) for name, value in request.headers)
    return replace(request, headers=headers)


def _page(lot: Lot) -> BadRequest:
    path, _, query = lot.chance.choice(list(lot.target.pages)).partition("?")
    if lot.often(0.2):
        parts = path.split("/")
        parts[lot.chance.randrange(1, len(parts))] = lot.odd_name() if lot.often(0.5) else "x"
        path = quote("/".join(parts), safe="/")
    names = [name for form in lot.target.forms if form.method == "get" for name, _ in form.fields]
    names += [name for name, _ in parse_qsl(query)] + ["since", "month", "page", "sort", "group", "x"]
    asked = [
        (lot.chance.choice(names), lot.operators_text()) for _ in range(lot.chance.choice((0, 0, 1, 2, 4, 9)))
    ]
    return _console(lot, "GET", path + ("?" + urlencode(asked) if asked else ""))


def _form(lot: Lot) -> BadRequest:
    form = lot.any_form()
    fields = [
        (name, value if lot.often(0.6) else lot.operators_text())
        for name, value in form.fields
        if name != "csrf_token" and not lot.often(0.1)
    ]
    fields += [("confirmed", "yes")] if lot.often(0.5) else []
    fields += [(lot.odd_name() or "x", lot.operators_text())] * lot.chance.choice((0, 0, 1, 3, 50))
    lot.chance.shuffle(fields)
    fields.append(("csrf_token", lot.target.csrf()))
    body, kind = urlencode(fields).encode(), FORM
    match lot.chance.randrange(12):
        case 0:
            body += b"&x=%FF%FE&y=\xff"
        case 1:
            lines = [
                f'--x\r\nContent-Disposition: form-data; name="{quote(name)}"\r\n\r\n{value}\r\n'
                for name, value in fields
            ]
            body, kind = ("".join(lines) + "--x--\r\n").encode(), "multipart/form-data; boundary=x"
        case 2:
            body += b"&z=" + b"a" * lot.chance.choice((30_000, 33_000, 500_000))
    return _console(lot, "POST", form.action, body, kind)


def _stranger(lot: Lot) -> BadRequest:
    """Ask the console for a page, or send it a form, without being signed in."""
    if lot.often(0.5):
        return _console(lot, "GET", lot.chance.choice(list(lot.target.pages)), trusted=False)
    form = lot.any_form()
    fields = [(name, lot.operators_text()) for name, _ in form.fields]
    return _console(lot, "POST", form.action, urlencode(fields).encode(), trusted=False)


KINDS: Mapping[str, tuple[float, Callable[[Lot], BadRequest]]] = {  # With how often of a hundred.
    "voice position": (22, _voice),
    "waiting": (6, _waiting),
    "agency's leg": (6, _agency_leg),
    "callback": (6, _callback),
    "text": (12, _text),
    "many fields": (4, _many_fields),
    "encoding": (5, _encoding),
    "another body": (3, _other_body),
    "size": (2, _size),
    "headers": (4, _headers),
    "path": (4, _path),
    "method": (2, _method),
    "replay": (6, _replay),
    "console page": (6, _page),
    "console form": (8, _form),
    "forged": (2, _forged),
    "garbage": (1, _garbage),
    "stranger at the console": (1, _stranger),
}


class FormsOfPage(HTMLParser):
    """Finds the forms of a page, with what each field holds, and its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.found: list[ConsoleForm] = []
        self.links: list[str] = []
        self._action, self._method, self._select = "", "", ""
        self._fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a field or a link."""
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                action = given.get("action") or self._page
                self._action, self._method = action.partition("#")[0], given.get("method", "get").lower()
                self._fields = []
            case "a":
                self.links.append(given.get("href", ""))
            case "select":
                self._select = given.get("name", "")
            case "option" if self._select:
                self._fields.append((self._select, given.get("value", "")))
            case "input" | "textarea" | "button" if given.get("name"):
                self._fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        """Note that a form is whole."""
        if tag == "select":
            self._select = ""
        if tag == "form" and self._method:
            self.found.append(ConsoleForm(self._action, self._method, tuple(self._fields)))
            self._method = ""
