"""What somebody typed into a form whose session had ended: after the sign-in it stands there again.

It is sealed under SECRET_KEY and a token that this browser's cookie alone has, kept for half an hour, shown
once, and only to the operator who typed it. A view says which fields of its form are kept: never a password.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from flask import current_app, g, request, session, url_for

from ivr.authentication import hash_session_token
from ivr.circuit_breaker import PartUnavailable
from ivr.encryption import seal, unseal
from ivr.records import sessions
from ivr.web.console.context import console, notify, signed_in_operator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

View = TypeVar("View", bound="Callable[..., object]")

KEPT_SECONDS = 30 * 60
TOKEN = "kept_form"  # noqa: S105 - its name in the session


@dataclass(frozen=True)
class KeptFields:
    """Which fields of a form are kept, and where the form stands."""

    page: str | Callable[[], str]  # An endpoint, or what makes the address of a POST's page.
    fields: tuple[str, ...]  # One that ends with "_" stands for all that begin so.

    def typed(self, form: Mapping[str, str]) -> dict[str, str]:
        """Give what was typed of a form."""
        return {name: given for name, given in form.items() if given.strip() and self._keeps(name)}

    def address(self) -> str:
        """Say where the form of this request stands."""
        if not isinstance(self.page, str):
            return self.page()
        (rule, *_) = current_app.url_map.iter_rules(self.page)
        given = request.view_args or {}
        return url_for(self.page, **{name: given[name] for name in rule.arguments})

    def _keeps(self, name: str) -> bool:
        return any(name == each or (each.endswith("_") and name.startswith(each)) for each in self.fields)


_KEPT: dict[Callable[..., object], KeptFields] = {}  # A view that takes a form -> what of it is kept.


def keeps(page: str | Callable[[], str], *fields: str) -> Callable[[View], View]:
    """Keep some fields of a view's form where its session has ended."""

    def decorate(view: View) -> View:
        _KEPT[view] = KeptFields(page, fields)
        return view

    return decorate


def kept_fields(endpoint: str) -> KeptFields | None:
    """Say what is kept of the form that a view takes."""
    view = current_app.view_functions.get(endpoint)
    return _KEPT.get(view) if view else None


def keep_form(who: str) -> str:
    """Keep what was typed into the form of this request; say where it stands, or nothing where none is."""
    kept = kept_fields(request.endpoint or "") if request.method == "POST" and who else None
    typed = kept.typed(request.form) if kept else {}
    if not kept or not typed:
        return ""
    token, now = secrets.token_urlsafe(16), console().moment
    words = json.dumps([request.path, typed]).encode()
    sealed, until = seal(f"{console().secret} {token}", words), now + timedelta(seconds=KEPT_SECONDS)
    form = sessions.KeptForm(hash_session_token(token), who, sealed, until)
    sessions.keep_form(console().database, form, now=now)
    session[TOKEN] = token
    return kept.address()


def carry_form(token: str, who: str) -> None:
    """Take a kept form over into the session that has just begun, if its author signed in."""
    if token and sessions.read_form(console().database, who, hash_session_token(token), now=console().moment):
        session[TOKEN] = token
        notify("form_kept", "warning")


def typed_into(action: str) -> Mapping[str, str]:
    """Give what this operator had typed into the form that is sent to an address: once, then it is gone."""
    if "kept_form" not in g:
        g.kept_form = _open_form()
    path, typed = g.kept_form
    if path != action:
        return {}
    if token := session.pop(TOKEN, ""):
        with suppress(PartUnavailable):  # It goes when its time is over, then.
            sessions.drop_form(console().database, hash_session_token(token))
    return cast("Mapping[str, str]", typed)


def _open_form() -> tuple[str, Mapping[str, str]]:
    """Open the form that is kept for this operator: where it is sent to, and what was typed."""
    token, operator = str(session.get(TOKEN, "")), signed_in_operator()
    if not token or not operator:
        return "", {}
    known = console().database, operator.name, hash_session_token(token)
    sealed = sessions.read_form(*known, now=console().moment)
    secrets_ = (f"{each} {token}" for each in (console().secret, console().old_secret) if each)
    if words := unseal(tuple(secrets_), sealed):
        path, typed = json.loads(words)
        return path, typed
    return "", {}
