"""The page of the audit: who did what in the console, filtered and exported, and whether it is whole."""

from __future__ import annotations

import csv
import io
from datetime import UTC
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request

from ivr.records.audit import (
    AuditFilter,
    add_audit_entry,
    audit_choices,
    list_audit_entries,
    list_faults,
)
from ivr.records.operators import Role
from ivr.records.periods import end_of_day, midnight
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, language, render_page, translations
from ivr.web.console.query_params import LONGEST_TEXT, call_filter, mask, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ivr.records.database import Database

blueprint = Blueprint("audit", __name__, url_prefix="/console/audit")

FILTERS = ("since", "until", "who", "did", "about")
EXPORTED = "audit exported"
SHOWN = 100  # Rows on a page.
EXPORT_SIZE = 500  # Rows that are read at a time.
CSV_COLUMNS = ("n", "at", "who", "did", "about", "hash")


@blueprint.get("", endpoint="list")
@needs(Role.ADMINISTRATOR)
def list_audit() -> str:
    """Show who did what, the newest first, as the address filters it."""
    database = console().database
    kept, faults = _filter()
    who, did = audit_choices(database)
    before = whole_number(request.args.get("before", ""))
    deeds = list_audit_entries(database, before, SHOWN + 1, kept=kept)
    return render_page(
        "audit",
        deeds=deeds[:SHOWN],
        older=deeds[SHOWN - 1].n if len(deeds) > SHOWN else None,
        broken=list_faults(database),
        unread_fields=faults,
        query=_query(),
        everybody=who,
        kinds=did,
        deed=_deed,
    )


@blueprint.get("/export.csv", endpoint="export")
@needs(Role.ADMINISTRATOR)
def export_audit() -> Response:
    """Stream exactly what is filtered, with the hash of each row."""
    kept, faults = _filter()
    if faults:
        abort(400)
    about = " ".join(f"{name}={value}" for name, value in _query().items())
    add_audit_entry(
        console().database, current_operator().name, EXPORTED, mask(about)[:LONGEST_TEXT] or "all"
    )
    headers = {"Content-Disposition": "attachment; filename=audit.csv"}
    return Response(_lines(console().database, kept), headers=headers, mimetype="text/csv")


def _deed(did: str) -> str:
    """Say what was done in the operator's language."""
    key = "did_" + did.replace(" ", "_").replace("-", "_")
    return translations(language()).get(key, did)


def _query() -> dict[str, str]:
    return {name: given for name in FILTERS if (given := request.args.get(name, "").strip()[:LONGEST_TEXT])}


def _filter() -> tuple[AuditFilter, list[str]]:
    """Read the filter of an address, by the line's clock, with the names of what could not be read."""
    query, zone = _query(), console().zone
    days, faults = call_filter({name: query.get(name, "") for name in ("since", "until")})
    kept = AuditFilter(
        who=query.get("who", ""),
        did=query.get("did", ""),
        about=query.get("about", ""),
        since=midnight(days.since, zone) if days.since else None,
        until=end_of_day(days.until, zone) if days.until else None,
    )
    return kept, faults


def _lines(database: Database, kept: AuditFilter) -> Iterator[str]:
    """Write entries as CSV, the newest first."""
    before = 0
    yield _line(CSV_COLUMNS)
    while entries := list_audit_entries(database, before, EXPORT_SIZE, kept):
        for each in entries:
            at = each.at.astimezone(UTC).isoformat(timespec="seconds")
            yield _line((each.n, at, each.who, each.did, each.about, each.hash))
        before = entries[-1].n


def _line(cells: Iterable[object]) -> str:
    """Write one line; a cell that a spreadsheet would reckon out is made plain."""
    line = io.StringIO()
    csv.writer(line).writerow(f"'{cell}" if str(cell)[:1] in "=+-@\t\r" and cell else cell for cell in cells)
    return line.getvalue()
