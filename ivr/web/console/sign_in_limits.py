"""How often somebody may try to sign in, so that guessing is slow and nobody can lock an operator out.

Tries are counted for an address and a name together, never for a name or an address alone. A browser in which
an operator signed in before has a cookie of its own and tries of its own, whoever else guesses. Codes are
counted for a name, but only once the password was right. No name that was typed leaves this process.
"""

from __future__ import annotations

import re
import secrets
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from flask import request

from ivr.authentication import device_proof, keyed_mark, same
from ivr.caller_limits import HOUR
from ivr.records.audit import add_audit_entry
from ivr.web.console.context import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response

    from ivr.records.operators import Operator

TRIES, TRIES_OF_DEVICE, CODES, PASSKEYS, SECONDS = 5, 10, 10, 30, 300  # In five minutes.
FAILURES_KEPT = 20  # In an hour and of one name: nobody may fill the audit from outside.
NOT_SIGNED_IN = "not signed in"  # Who did it, in the audit.

DEVICE_COOKIE = "console_device"
DEVICE_SECONDS = 90 * 24 * HOUR
MOST_DEVICES = 4  # Operators who share a browser.
DEVICE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")

INNER = tuple(  # Where a proxy of our own may stand: the address before it is that of whoever asks.
    map(
        ip_network,
        (
            *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
            *("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)


def may_try(name: str, operator: Operator | None) -> bool:
    """Whether a try at a name is one of those that are left. It is counted."""
    limits, secret = console().limits, console().secret
    device = _known_device(operator) if operator else ""
    if device and limits.allow("sign-in-device", keyed_mark(secret, device, name), TRIES_OF_DEVICE, SECONDS):
        return True
    return limits.allow("sign-in", keyed_mark(secret, client_address(), name.casefold()), TRIES, SECONDS)


def may_try_code(operator: Operator) -> bool:
    """Whether whoever knows the password may try a code once more. It is counted."""
    mark = keyed_mark(console().secret, "code", operator.name)
    return bool(_known_device(operator)) or console().limits.allow("sign-in-code", mark, CODES, SECONDS)


def may_try_passkey() -> bool:
    """Whether a passkey may be tried from here once more. It is counted; nobody guesses one."""
    mark = keyed_mark(console().secret, "passkey", client_address())
    return console().limits.allow("sign-in-passkey", mark, PASSKEYS, SECONDS)


def note_failure(operator: Operator | None, why: str, nobody: str = "unknown name") -> None:
    """Have a failed sign-in stand in the audit: whose name it was, where there is such an operator."""
    name = operator.name if operator else ""
    mark = keyed_mark(console().secret, "failure", name)
    if console().limits.allow("sign-in-failure", mark, FAILURES_KEPT, HOUR):
        about = f"{name}: {why}" if operator else nobody
        add_audit_entry(console().database, NOT_SIGNED_IN, "sign-in failed", about)


def remember_device(response: Response, operator: Operator) -> None:
    """Give the browser what keeps its way in; it opens nothing by itself."""
    device = _known_device(operator) or secrets.token_hex(16)
    mine = f"{device}.{device_proof(console().lasting_secret, operator.seed, device, operator.name)}"
    others = [f"{each}.{proof}" for each, proof in _devices() if f"{each}.{proof}" != mine]
    response.set_cookie(
        DEVICE_COOKIE,
        "~".join([mine, *others][:MOST_DEVICES]),
        max_age=DEVICE_SECONDS,
        path="/console",
        secure=console().secure,
        httponly=True,
        samesite="Strict",
    )


def client_address() -> str:
    """Give the address of whoever asks, or their network: of IPv6 anybody has as many as they like.

    What a proxy says is believed only of a proxy at an address of our own, and only its nearest word.
    """
    nearest = ""
    for each in (request.remote_addr or "", *reversed(request.headers.get("X-Forwarded-For", "").split(","))):
        try:
            address = ip_address(each.strip())
        except ValueError:
            if nearest or each:
                break
            continue  # A socket of this machine has no address.
        address = getattr(address, "ipv4_mapped", None) or address
        nearest = _network(address)
        if not any(address in network for network in INNER):
            break
    return nearest


def _network(address: IPv4Address | IPv6Address) -> str:
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)  # noqa: PLR2004


def _known_device(operator: Operator) -> str:
    """Name the device of this browser, if the operator signed in with it before."""
    for device, proof in _devices():
        if same(proof, device_proof(console().lasting_secret, operator.seed, device, operator.name)):
            return device
    return ""


def _devices() -> Iterator[tuple[str, str]]:
    for each in request.cookies.get(DEVICE_COOKIE, "").split("~")[:MOST_DEVICES]:
        if match := DEVICE.fullmatch(each):
            yield match[1], match[2]
