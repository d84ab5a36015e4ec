"""Whether somebody means it: what cannot simply be undone is asked about once more, on a page of its own."""

from __future__ import annotations

from flask import request

from ivr.web.console.context import render_page

YES = "yes"
NOT_REPEATED = frozenset({"csrf_token", "confirmed"})  # The page has a token of its own.


def ask_first(question: str, back: str, /, **values: str) -> str | None:
    """Give the page that asks whether it is meant, or None where that was answered with yes.

    The question is a sentence of the translations; the form is sent again as it came.
    """
    if request.form.get("confirmed") == YES:
        return None
    fields = [(name, given) for name, given in request.form.items() if name not in NOT_REPEATED]
    return render_page("confirm", question=question, values=values, fields=fields, back=back)
