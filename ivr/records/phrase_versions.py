"""Phrases that operators add to the files', the weights learned from them, and which weights are in force.

A draft is published by asking for a version: a worker learns it, and it is in force once it is not worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, insert, or_, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.database import Lock, be_alone, insert_missing, insert_or_change
from ivr.records.periods import moment
from ivr.records.tables import added_phrases, learned_weights, phrase_versions, weights_in_force
from ivr.understanding.phrases import Phrase
from ivr.understanding.weights_in_force import FILES, PublishedWeights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from ivr.records.database import Database

DRAFT = 0  # In place of a version's number: the phrases that are not published yet.
LEASE = 60  # Seconds after which a worker that says nothing more of its learning is taken for dead.


class State(StrEnum):
    """How far a version is."""

    WAITING = "waiting"
    LEARNING = "learning"
    PUBLISHED = "published"
    REFUSED = "refused"
    FAILED = "failed"


OPEN = (State.WAITING, State.LEARNING)


@dataclass(frozen=True)
class PhraseVersion:
    """One time that phrases were to be published."""

    version: int
    state: State
    at: datetime
    who: str
    basis: str
    outcome: str


def save_draft(database: Database, phrases: Sequence[Phrase], *, who: str) -> None:
    """Add phrases to the draft."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        insert_missing(sql, added_phrases, [_row(DRAFT, each, who) for each in phrases])
        write_audit_entry(sql, who, "phrases drafted", f"{len(phrases)} phrases")


def drop_draft(database: Database, *, who: str) -> int:
    """Drop the draft; give how many phrases it had."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        count = sql.execute(delete(added_phrases).where(added_phrases.c.version == DRAFT)).rowcount
        if count:
            write_audit_entry(sql, who, "phrases dropped", f"{count} phrases")
    return count


def list_added(database: Database, version: int) -> tuple[Phrase, ...]:
    """Read the phrases that a version, or the draft, adds to those of the files."""
    with database.read() as sql:
        return _added(sql, version)


def list_phrase_versions(database: Database) -> list[PhraseVersion]:
    """Read every version, the newest first."""
    with database.read() as sql:
        rows = sql.execute(_versions().order_by(phrase_versions.c.version.desc()))
        return [
            PhraseVersion(row.version, State(row.state), row.at, row.who, row.basis, row.outcome)
            for row in rows
        ]


def version_in_force(database: Database) -> int:
    """Give the version whose weights read texts; FILES where those of the files do."""
    with database.read() as sql:
        return _in_force(sql)


def read_weights(database: Database, version: int) -> PublishedWeights | None:
    """Read the weights of a version that was published."""
    files = select(learned_weights.c.file, learned_weights.c.content)
    with database.read() as sql:
        basis = sql.scalar(select(phrase_versions.c.basis).where(phrase_versions.c.version == version))
        found = {
            row.file: row.content for row in sql.execute(files.where(learned_weights.c.version == version))
        }
    return PublishedWeights(version, basis or "", found) if found else None


def ask_to_learn(database: Database, *, who: str) -> int | None:
    """Ask the workers for a version of what is in force and the draft; None while another is not learned."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        if sql.scalar(select(func.count()).where(phrase_versions.c.state.in_(OPEN))):
            return None
        version: int = (sql.scalar(select(func.max(phrase_versions.c.version))) or FILES) + 1
        row = {"version": version, "state": State.WAITING, "at": datetime.now(UTC), "who": who}
        sql.execute(insert(phrase_versions).values(row))
        phrases = dict.fromkeys((*_added(sql, _in_force(sql)), *_added(sql, DRAFT)))
        insert_missing(sql, added_phrases, [_row(version, each, who) for each in phrases])
        write_audit_entry(sql, who, "phrases to be learned", f"version {version}")
    return version


def claim_version(database: Database, now: float) -> int | None:
    """Claim the version that waits, or whose worker died; None without any."""
    free = or_(
        phrase_versions.c.state == State.WAITING,
        and_(phrase_versions.c.state == State.LEARNING, phrase_versions.c.learning_until < moment(now)),
    )
    with database.read() as sql:  # Asked every few seconds: no lock is taken for nothing.
        if sql.scalar(select(phrase_versions.c.version).where(free)) is None:
            return None
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        version = sql.scalar(select(phrase_versions.c.version).where(free))
        if version is not None:
            changes = {"state": State.LEARNING, "learning_until": moment(now + LEASE)}
            sql.execute(update(phrase_versions).where(_is(version)).values(changes))
    return version


def go_on_learning(database: Database, version: int, now: float) -> None:
    """Show that the worker that claimed a version is alive."""
    with database.write() as sql:
        sql.execute(update(phrase_versions).where(_is(version)).values(learning_until=moment(now + LEASE)))


def publish_version(
    database: Database, version: int, basis: str, outcome: str, files: Mapping[str, bytes]
) -> bool:
    """Put a version in force, and take its phrases out of the draft. False where it is not being learned."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        who = _close(sql, version, State.PUBLISHED, outcome, basis)
        if who is None:
            return False
        rows = [{"version": version, "file": name, "content": content} for name, content in files.items()]
        sql.execute(insert(learned_weights), rows)
        insert_or_change(sql, weights_in_force, [{"id": 1, "version": version}])
        for each in _added(sql, version):
            sql.execute(delete(added_phrases).where(_is_phrase(DRAFT, each)))
        write_audit_entry(sql, who, "phrases published", f"version {version}")
    return True


def refuse_version(database: Database, version: int, state: State, outcome: str) -> None:
    """Close a version that is not taken: it is worse, or could not be learned. The draft stays."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        who = _close(sql, version, state, outcome)
        if who is not None:
            write_audit_entry(sql, who, f"phrases {state}", f"version {version}")


def take_phrases_back(database: Database, *, who: str) -> int | None:
    """Go back to the version that was published before, or to the files; None where they are in force."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        now = _in_force(sql)
        if now == FILES:
            return None
        earlier = select(func.max(phrase_versions.c.version)).where(
            phrase_versions.c.state == State.PUBLISHED, phrase_versions.c.version < now
        )
        before: int = sql.scalar(earlier) or FILES
        if before == FILES:
            sql.execute(delete(weights_in_force))
        else:
            sql.execute(update(weights_in_force).values(version=before))
        write_audit_entry(sql, who, "phrases taken back", f"version {now} to {before or 'the files'}")
    return before


def _close(sql: Connection, version: int, state: State, outcome: str, basis: str = "") -> str | None:
    """End a version that is being learned; give who asked for it, or None where it was ended before."""
    learning = and_(_is(version), phrase_versions.c.state == State.LEARNING)
    who = sql.scalar(select(phrase_versions.c.who).where(learning))
    if who is not None:
        changes = {"state": state, "outcome": outcome, "basis": basis, "learning_until": None}
        sql.execute(update(phrase_versions).where(learning).values(changes))
    return who


def _versions() -> Select[tuple[int, State, datetime, str, str, str]]:
    columns = phrase_versions.c
    return select(columns.version, columns.state, columns.at, columns.who, columns.basis, columns.outcome)


def _added(sql: Connection, version: int) -> tuple[Phrase, ...]:
    columns = added_phrases.c
    wanted = select(columns.text, columns.language, columns.name).where(columns.version == version)
    ordered = wanted.order_by(columns.language, columns.name, columns.at, columns.text)
    return tuple(Phrase(*row) for row in sql.execute(ordered))


def _in_force(sql: Connection) -> int:
    return sql.scalar(select(weights_in_force.c.version)) or FILES


def _row(version: int, phrase: Phrase, who: str) -> dict[str, object]:
    return {
        "version": version,
        "language": phrase.language,
        "name": phrase.name,
        "text": phrase.text,
        "at": datetime.now(UTC),
        "who": who,
    }


def _is(version: int) -> ColumnElement[bool]:
    return phrase_versions.c.version == version


def _is_phrase(version: int, phrase: Phrase) -> ColumnElement[bool]:
    columns = added_phrases.c
    return and_(
        columns.version == version,
        columns.language == phrase.language,
        columns.name == phrase.name,
        columns.text == phrase.text,
    )
