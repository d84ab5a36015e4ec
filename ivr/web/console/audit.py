"""The page of the audit: who did what in the console, and whether the list is whole."""

from __future__ import annotations

from flask import Blueprint, request

from ivr.records.audit import list_audit_entries, verify
from ivr.records.operators import Role
from ivr.web.console.access import needs
from ivr.web.console.context import console, render_page
from ivr.web.console.query_params import whole_number

blueprint = Blueprint("audit", __name__, url_prefix="/console/audit")


@blueprint.get("", endpoint="list")
@needs(Role.ADMINISTRATOR)
def list_audit() -> str:
    """Show who did what, the newest first."""
    database = console().database
    deeds = list_audit_entries(database, whole_number(request.args.get("before", "")))
    return render_page("audit", deeds=deeds, faults=verify(database))
