"""The page behind an agency's link: what it says of the calls that it gets. Whoever has the link may.

No session and no cookie: the link alone proves whose words they are, so that no other site can send the form
without it. Of each kind one thing is taken for a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from ivr.authentication import FeedbackLink, keyed_mark, read_feedback_token, same
from ivr.circuit_breaker import PartUnavailable
from ivr.records.agency_feedback import FeedbackKind, add_feedback, list_said
from ivr.reports.document import LANGUAGES
from ivr.web.console.context import agency_name, capital, console, translations
from ivr.web.console.query_params import LONGEST_TEXT, names_number
from ivr.web.console.sign_in import client_address

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("agency_feedback", __name__, url_prefix="/agency")

LOOKS, SAYINGS, SECONDS = 60, 10, 3600  # In an hour and of one address.
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
OWN = frozenset({"same-origin", "none", ""})  # Where a browser says that a form comes from: a page of ours.


@blueprint.get("/<token>", endpoint="show")
def show_page(token: str) -> Response:
    """Ask an agency how it goes; a link that is none, or is over, gets a plain page."""
    link = _link(token)
    if not _may("look", LOOKS):
        return _plain("agency_too_often", 429)
    return _page(token, link) if isinstance(link, FeedbackLink) else _plain(*link)


@blueprint.post("/<token>", endpoint="say")
def say(token: str) -> BaseResponse:
    """Take what an agency says; a note that holds a number is given back."""
    link = _link(token)
    if not isinstance(link, FeedbackLink):
        return _plain(*link)
    if not _may("say", SAYINGS):
        return _plain("agency_too_often", 429)
    if request.headers.get("Sec-Fetch-Site", "") not in OWN or not _is_form(token):
        return _page(token, link, "agency_form_old")
    kind, note = request.form.get("kind", ""), request.form.get("note", "").strip()[:LONGEST_TEXT]
    if kind not in list(FeedbackKind):
        return _page(token, link, "agency_choose")
    if names_number(note):
        return _page(token, link, "agency_number")
    context = console()
    add_feedback(context.database, link.id, link.agency, FeedbackKind(kind), note, now=context.moment)
    return redirect(url_for("agency_feedback.show", token=token, thanks=1, language=_language()), 303)


@blueprint.errorhandler(PartUnavailable)
def show_unavailable(_: Exception) -> Response:
    """Say that nothing can be taken now."""
    return _plain("agency_later", 503)


@blueprint.after_request
def set_csp(response: Response) -> Response:
    """Let the page send its form to us, and nothing else."""
    response.headers["Content-Security-Policy"] = CSP
    return response


def _link(token: str) -> FeedbackLink | tuple[str, int]:
    """Read a link, or say why it is none."""
    context = console()
    link = read_feedback_token((context.secret, context.old_secret), token)
    if link is None or link.agency not in context.flow.directory.agencies:
        return "agency_no_link", 404
    return link if context.today <= link.until else ("agency_over", 410)


def _page(token: str, link: FeedbackLink, fault: str = "") -> Response:
    said = list_said(console().database, link.id)
    values: dict[str, Any] = {
        "agency": agency_name(link.agency),
        "token": token,
        "form": _form_mark(token, 0),
        "said": [each for each in FeedbackKind if each in said],
        "open": [each for each in FeedbackKind if each not in said],
        "thanks": bool(request.args.get("thanks")) and not fault,
        "fault": fault,
        "note": request.form.get("note", ""),
        "kind": request.form.get("kind", ""),
        "until": link.until,
    }
    return make_response(_draw(**values), 400 if fault else 200)


def _plain(words: str, code: int) -> Response:
    return make_response(_draw(plain=words), code)


def _draw(**values: object) -> str:
    language = _language()
    line = console().flow.line.name
    others = [each for each in LANGUAGES if each != language]
    t = translations(language)
    return render_template(
        "public/agency.html", language=language, others=others, t=t, line=line, capital=capital, **values
    )


def _language() -> str:
    given = request.args.get("language", "")
    if given in LANGUAGES:
        return given
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]


def _form_mark(token: str, days_ago: int) -> str:
    """Make what only a form has that we wrote on a day for this link."""
    context = console()
    return keyed_mark(context.secret, "agency form", token, str(context.today.toordinal() - days_ago))


def _is_form(token: str) -> bool:
    given = request.form.get("form", "")
    return any(same(given, _form_mark(token, days_ago)) for days_ago in (0, 1))


def _may(what: str, most: int) -> bool:
    context = console()
    mark = keyed_mark(context.secret, "agency", client_address())
    return context.limits.allow(f"agency-{what}", mark, most, SECONDS)
