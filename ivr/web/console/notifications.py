"""The page of notifications: each operator chooses what they are told, and where, and tries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.authentication import keyed_mark
from ivr.encryption import seal, unseal
from ivr.records.notifications import (
    AlarmKind,
    Digest,
    Subscription,
    find_subscription,
    subscribe,
    unsubscribe,
)
from ivr.web.console.context import console, current_operator, language, notify, render_page, translations
from ivr.work.message_sending import ALLOWED, ALLOWED_WITHIN, masked

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("notifications", __name__, url_prefix="/console/notifications")

UNREACHED = (5, 10, 20, 50)  # From so many callers on: fewer than five are told by no message.
TRIES, SECONDS = 10, 600  # Each asks the network about an address.


@blueprint.get("", endpoint="show")
def show_notifications() -> str:
    """Show what this operator is told, and where."""
    return _page()


@blueprint.post("", endpoint="choose")
def choose() -> BaseResponse | Response:
    """Tell this operator what they chose from now on; an address that will not do changes nothing."""
    context, who, known = console(), current_operator().name, _subscription()
    address = request.form.get("address", "").strip() or _address(known)
    if not _may_try():
        return make_response(_page("notify_too_often"), 429)
    fault = context.notifications.sender.why_not(address) if address else "address_missing"
    if fault:
        return make_response(_page(fault), 400)
    least = request.form.get("unreached", "")
    wanted = Subscription(
        who=who,
        address=seal(context.lasting_secret, address.encode()),
        language=language(),
        digest=_digest(),
        alarms=frozenset(each for each in AlarmKind if each.value in request.form.getlist("alarm")),
        unreached=int(least) if least in map(str, UNREACHED) else UNREACHED[0],
        chosen_at=context.moment,
        tried_at=known.tried_at if known else None,
        fault="" if request.form.get("address", "").strip() or not known else known.fault,
    )
    subscribe(context.database, wanted)
    notify("notifications_chosen", address=masked(address))
    return redirect(url_for("notifications.show"), 303)


@blueprint.post("/now", endpoint="send_now")
def send_now() -> BaseResponse | Response:
    """Send this operator a digest at once, and say what came of it."""
    known = _subscription()
    if known is None:
        return redirect(url_for("notifications.show"), 303)
    if not _may_try():
        return make_response(_page("notify_too_often"), 429)
    if fault := console().notifications.send_now(known):
        notify("notification_failed", "danger", why=translations(language())[fault])
    else:
        notify("notification_went", address=masked(_address(known)))
    return redirect(url_for("notifications.show"), 303)


@blueprint.post("/end", endpoint="end")
def end() -> BaseResponse:
    """Tell this operator nothing any more, and forget where."""
    if unsubscribe(console().database, current_operator().name):
        notify("notifications_ended")
    return redirect(url_for("notifications.show"), 303)


def _page(fault: str = "") -> str:
    context, known = console(), _subscription()
    typed = bool(fault) and request.method == "POST" and request.endpoint == "notifications.choose"
    sender = context.notifications.sender
    return render_page(
        "notifications",
        known=known,
        address=masked(_address(known)) if known else "",
        written=request.form.get("address", "") if typed else "",
        digests=list(Digest),
        digest=_digest() if typed else known.digest if known else Digest.DAILY,
        alarms=list(AlarmKind),
        chosen=frozenset(request.form.getlist("alarm"))
        if typed
        else known.alarms
        if known
        else frozenset(AlarmKind),
        numbers=UNREACHED,
        unreached=known.unreached if known else UNREACHED[0],
        mails=bool(sender.smtp_url),
        schemes=sorted({*ALLOWED, *(ALLOWED_WITHIN if sender.private else ())}),
        fault=fault,
    )


def _subscription() -> Subscription | None:
    return find_subscription(console().database, current_operator().name)


def _address(known: Subscription | None) -> str:
    context = console()
    return unseal((context.secret, context.old_secret), known.address).decode() if known else ""


def _digest() -> Digest:
    """Read how often counts are sent; what cannot be read is never."""
    given = request.form.get("digest", "")
    return Digest(given) if given in list(Digest) else Digest.NONE


def _may_try() -> bool:
    context = console()
    mark = keyed_mark(context.secret, "notify", current_operator().name)
    return context.limits.allow("notify", mark, TRIES, SECONDS)
