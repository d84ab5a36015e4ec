"""Sends a message to where an operator wants it: by our mail server, or by a service that `apprise` knows.

An operator writes the address, so it is not trusted. E-mail goes to the server of the settings alone. A
service is asked by a process of its own, which knows no secret of ours and refuses each connection to this
machine or a private network when it is made: a name that leads elsewhere the second time that it is looked up
(DNS rebinding), and a redirect, lead nowhere. This file is the home of `apprise`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import smtplib
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ivr.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

logger = logging.getLogger(__name__)

# A scheme of apprise -> why it may be used. All others are refused: those that text or ring cost money and
# keep a telephone number, those that post in public tell everybody, some run a program of this machine.
ALLOWED: Mapping[str, str] = {
    "discord": "a channel by a webhook of its own; only discord.com is asked",
    "gchat": "a space by a webhook of its own; only Google is asked",
    "pover": "Pushover: one person's own telephones; only pushover.net is asked",
    "slack": "a channel by a webhook of its own; only slack.com is asked",
    "tgram": "a chat by a bot of the operator's; only telegram.org is asked",
    "zulip": "a stream of an organization; only zulipchat.com is asked",
    "gotifys": "a server of one's own, by TLS",
    "jsons": "any server that takes a POST of JSON, by TLS",
    "matrixs": "a room of one's own server, by TLS",
    "mmosts": "a Mattermost of one's own, by TLS",
    "nctalks": "a Nextcloud of one's own, by TLS",
    "ntfys": "a topic of ntfy.sh or of one's own server, by TLS",
    "rockets": "a Rocket.Chat of one's own, by TLS",
}
ALLOWED_WITHIN: Mapping[str, str] = {  # Where NOTIFY_PRIVATE is yes: nothing leaves a network of one's own.
    "gotify": "a server of one's own",
    "json": "any server that takes a POST of JSON",
    "mmost": "a Mattermost of one's own",
    "ntfy": "a server of one's own",
}
FIXED = frozenset(
    {"discord", "gchat", "pover", "slack", "tgram", "zulip"}
)  # The service is where it always is.
EMAIL = re.compile(r"[^@\s<>,;:\"/?]+@[^@\s<>,;:\"/?]+\.[^@\s<>,;:\"/?]+")
LONGEST_ADDRESS = 500
MAIL_SECONDS = 10.0
SERVICE_SECONDS = 30.0
NEEDED = ("PATH", "LANG", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR")  # Of our environment.
NAT64 = ip_network("64:ff9b::/96")
CONNECTS = frozenset(
    {"socket.connect", "socket.sendto", "socket.sendmsg"}
)  # As Python names them to an audit hook.
STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})

# Why an address will not do, or a message did not go: names of sentences of the translations.
UNKNOWN, OPTIONS, UNREADABLE = "address_unknown", "address_options", "address_unreadable"
PRIVATE, UNRESOLVED, NO_MAIL = "address_private", "address_unresolved", "address_no_mail"
NOT_TAKEN, TOO_SLOW = "message_not_taken", "message_too_slow"


@dataclass(frozen=True)
class Message:
    """What an operator is told."""

    subject: str
    body: str


@dataclass(frozen=True)
class MessageSender:
    """Sends messages to operators; each way says why it did not, or nothing."""

    smtp_url: str = ""
    mail_from: str = ""
    private: bool = False  # Whether an address may be this machine or lie in a private network.

    def why_not(self, address: str) -> str:
        """Say why nothing can be sent to an address; nothing where it can."""
        return self._misfit(address) or ("" if is_email(address) else self._ask_service(address, None))

    def send(self, address: str, message: Message) -> str:
        """Send a message, and say why it did not go; nothing where somebody took it."""
        if fault := self._misfit(address):
            return fault
        if is_email(address):
            return self._send_mail(address, message)
        return self._ask_service(address, message)

    def _misfit(self, address: str) -> str:
        if is_email(address):
            return "" if self.smtp_url else NO_MAIL
        scheme, found, _ = address.partition("://")
        known = {*ALLOWED, *(ALLOWED_WITHIN if self.private else ())}
        if not found or scheme not in known:
            return UNKNOWN
        # Options name a file of this machine, or say that a certificate is not to be looked at.
        if "?" in address:
            return OPTIONS
        return UNREADABLE if len(address) > LONGEST_ADDRESS or re.search(r"[\s,]", address) else ""

    def _send_mail(self, address: str, message: Message) -> str:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.mail_from, address, message.subject
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self.mail_from.partition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        try:
            with _mail_server(self.smtp_url) as server:
                server.send_message(mail)
        except TimeoutError:
            return TOO_SLOW
        except (OSError, smtplib.SMTPException, UnicodeError) as fault:
            logger.warning("the mail server did not take a message: %s", type(fault).__name__)
            return NOT_TAKEN
        return ""

    def _ask_service(self, address: str, message: Message | None) -> str:
        order: dict[str, Any] = {"address": address, "private": self.private}
        if message:
            order |= {"subject": message.subject, "body": message.body}
        environment = {name: os.environ[name] for name in NEEDED if name in os.environ}
        try:
            done = subprocess.run(  # noqa: S603 - our own
                [sys.executable, "-m", __name__],
                input=json.dumps(order),
                capture_output=True,
                check=False,
                encoding="utf-8",
                env=environment,
                timeout=SERVICE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return TOO_SLOW
        if done.returncode:
            logger.error("the process that sends messages ended with %s", done.returncode)
            return NOT_TAKEN
        return done.stdout.strip()


def is_email(address: str) -> bool:
    """Whether an address is an e-mail address."""
    return len(address) <= LONGEST_ADDRESS and EMAIL.fullmatch(address) is not None


def masked(address: str) -> str:
    """Write an address so that its owner knows it and nobody else can use it."""
    if is_email(address):
        name, _, domain = address.partition("@")
        return f"{name[:1]}…@{domain}"
    return f"{address.partition('://')[0]}://…"


def is_inner(host: str) -> bool:
    """Whether an address is this machine, or lies in no public network; a name is not public."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return any(not each.is_global or each.is_multicast for each in (address, *_within(address)))


def _within(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """Give the addresses of the older network that one of the newer leads to."""
    if isinstance(address, IPv6Address):
        mapped = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
        yield from (each for each in mapped if each is not None)
        if address in NAT64:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)


@contextmanager
def _mail_server(url: str) -> Iterator[smtplib.SMTP]:
    """Connect with the mail server of the settings: by TLS, but on this machine itself."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    known = ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, port or smtplib.SMTP_SSL_PORT, timeout=MAIL_SECONDS, context=known)
    else:
        server = smtplib.SMTP(host, port or 587, timeout=MAIL_SECONDS)
    with server:
        if parts.scheme == "smtp" and not is_loopback(host):
            server.starttls(context=known)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server


# From here on: what the process of its own does.


class InnerAddressError(OSError):
    """Somebody would be connected with this machine, or with a private network."""


def refuse_inner(refused: Callable[[], None]) -> Callable[[str, tuple[Any, ...]], None]:
    """Give an audit hook that lets Python connect with public addresses alone, and start no program."""

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in STARTS:
            raise InnerAddressError(event)
        if event in CONNECTS:
            to = given[1]
            if to is not None and not (isinstance(to, tuple) and not is_inner(str(to[0]))):
                refused()
                raise InnerAddressError(event)

    return hook


def send_by_service(order: Mapping[str, Any]) -> str:
    """Send what is ordered, or only look at the address; say why not. Only the process of its own does it."""
    seen: list[str] = []
    if not order["private"]:
        sys.addaudithook(refuse_inner(lambda: seen.append(PRIVATE)))
    from apprise import Apprise  # noqa: PLC0415 - it takes a second, which no other process has

    service = Apprise.instantiate(order["address"], suppress_exceptions=True)
    if service is None or isinstance(service, list | dict):
        return UNREADABLE
    scheme = order["address"].partition("://")[0]
    host = "" if scheme in FIXED else str(getattr(service, "host", None) or "")
    if fault := _misled(host, private=order["private"]):
        return fault
    if "body" not in order:
        return ""
    taken = service.notify(body=order["body"], title=order["subject"])
    return (seen[-1] if seen else "") or ("" if taken else NOT_TAKEN)


def _misled(host: str, *, private: bool) -> str:
    """Say why a host will not do: it has no address, or one that is not public."""
    if not host:
        return ""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return UNRESOLVED
    return PRIVATE if not private and any(map(is_inner, found)) else ""


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # Its own words may quote an address.
    print(send_by_service(json.load(sys.stdin)))  # noqa: T201 - this is how it answers
