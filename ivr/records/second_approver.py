"""A second approver: where the line asks for one, nobody publishes what they wrote themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.records.audit import write_audit_entry

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection


class SecondApproverNeeded(Exception):  # noqa: N818 - named for what whoever publishes must find
    """Whoever publishes wrote it, and ``[publishing]`` in config/line.toml asks for another person."""


def is_own_work(sql: Connection, who: str, writers: Collection[str], about: str) -> bool:
    """Whether somebody would publish their own work; that they tried is then written into the audit."""
    if who not in writers:
        return False
    write_audit_entry(sql, who, "own work not published", about)
    return True
