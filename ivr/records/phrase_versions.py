"""Phrases that operators add to the files', the weights learned from them, and which weights are in force.

A draft is published by asking for a version: a worker learns it, and it is in force once it is not worse.
A version that is only tried is learned and measured the same way, and never in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, delete, func, insert, or_, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.database import Lock, be_alone, insert_missing, insert_or_change
from ivr.records.operators import SecondApproverNeeded, is_own_work
from ivr.records.periods import moment
from ivr.records.tables import added_phrases, learned_weights, phrase_versions, weights_in_force
from ivr.understanding.phrases import Phrase
from ivr.understanding.weights_in_force import FILES, PublishedWeights

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from ivr.records.database import Database

DRAFT = 0  # In place of a version's number: the phrases that are not published yet.
MARK_LETTERS = 16  # Of a draft.
LEASE = 60  # Seconds after which a worker that says nothing more of its learning is taken for dead.


class State(StrEnum):
    """How far a version is."""

    WAITING = "waiting"
    LEARNING = "learning"
    PUBLISHED = "published"
    REFUSED = "refused"
    FAILED = "failed"
    TRIED = "tried"


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
    trial: bool = False  # Whether it is only to be measured.


class DraftedPhrase(NamedTuple):
    """A phrase of the draft, and who added it."""

    phrase: Phrase
    at: datetime
    who: str


class DraftChanged(Exception):  # noqa: N818 - named for what whoever publishes must look at again
    """The draft is not the one that was looked at."""


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


def drop_phrase(database: Database, phrase: Phrase, *, who: str) -> bool:
    """Take one phrase out of the draft. False where it is not in it."""
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        count = sql.execute(delete(added_phrases).where(_is_phrase(DRAFT, phrase))).rowcount
        if count:
            write_audit_entry(sql, who, "phrases dropped", f"1 phrase of {phrase.language} {phrase.name}")
    return bool(count)


def list_draft(database: Database) -> list[DraftedPhrase]:
    """Read the draft, with who added what."""
    columns = added_phrases.c
    wanted = select(columns.text, columns.language, columns.name, columns.at, columns.who)
    ordered = wanted.where(columns.version == DRAFT).order_by(
        columns.language, columns.name, columns.at, columns.text
    )
    with database.read() as sql:
        return [DraftedPhrase(Phrase(*row[:3]), row.at, row.who) for row in sql.execute(ordered)]


def draft_mark(draft: Collection[Phrase]) -> str:
    """Name a draft by what is in it, so that nothing else is published than what was looked at."""
    lines = sorted(f"{each.language}\t{each.name}\t{each.text}" for each in draft)
    return sha256("\n".join(lines).encode()).hexdigest()[:MARK_LETTERS]


def list_added(database: Database, version: int) -> tuple[Phrase, ...]:
    """Read the phrases that a version, or the draft, adds to those of the files."""
    with database.read() as sql:
        return _added(sql, version)


def list_phrase_versions(database: Database) -> list[PhraseVersion]:
    """Read every version, the newest first."""
    with database.read() as sql:
        rows = sql.execute(_versions().order_by(phrase_versions.c.version.desc()))
        return [
            PhraseVersion(row.version, State(row.state), row.at, row.who, row.basis, row.outcome, row.trial)
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


def ask_to_learn(
    database: Database, *, who: str, second_approver: bool, mark: str = "", trial: bool = False
) -> int | None:
    """Ask the workers for a version of what is in force and the draft; None while another is not learned.

    A ``trial`` is only measured. With a ``second_approver``, SecondApproverNeeded where whoever publishes
    added a phrase of the draft; with a ``mark``, DraftChanged where the draft is another than its.
    """
    with database.write() as sql:
        be_alone(sql, Lock.PHRASES)
        if sql.scalar(select(func.count()).where(phrase_versions.c.state.in_(OPEN))):
            return None
        draft = _added(sql, DRAFT)
        if mark and mark != draft_mark(draft):
            raise DraftChanged
        version: int = (sql.scalar(select(func.max(phrase_versions.c.version))) or FILES) + 1
        asked, about = second_approver and not trial, f"version {version}"
        writers = set(sql.scalars(select(added_phrases.c.who).where(added_phrases.c.version == DRAFT)))
        own = asked and is_own_work(sql, who, writers, f"phrases, {about}")
        if not own:
            row = {"version": version, "state": State.WAITING, "at": datetime.now(UTC), "who": who}
            sql.execute(insert(phrase_versions).values(row | {"trial": trial}))
            phrases = dict.fromkeys((*_added(sql, _in_force(sql)), *draft))
            insert_missing(sql, added_phrases, [_row(version, each, who) for each in phrases])
            if trial:
                write_audit_entry(sql, who, "phrases to be tried", about)
            else:
                by = f", written by {', '.join(sorted(writers))}" if asked and writers else ""
                write_audit_entry(sql, who, "phrases to be learned", f"{about}{by}")
    if own:
        raise SecondApproverNeeded
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


def is_trial(database: Database, version: int) -> bool:
    """Whether a version is only to be measured."""
    with database.read() as sql:
        return bool(sql.scalar(select(phrase_versions.c.trial).where(_is(version))))


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
    """Close a version that is not taken: it was only tried, is worse, or could not be learned.

    The draft stays.
    """
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


def _versions() -> Select[tuple[int, State, datetime, str, str, str, bool]]:
    columns = phrase_versions.c
    asked = (columns.version, columns.state, columns.at, columns.who)
    return select(*asked, columns.basis, columns.outcome, columns.trial)


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
