"""Prompts as operators write them: every version, which one is published, and the way back.

A prompt is known by its language and its key, as `ivr check` names it: ``stops.law.say``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, delete, func, insert, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.database import Lock, be_alone, insert_or_change
from ivr.records.operators import SecondApproverNeeded, is_own_work
from ivr.records.periods import moment
from ivr.records.tables import notices, prompt_versions, published_prompts, unsaved_prompts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Table

    from ivr.records.database import Database


FILE = 0  # In place of a version's number: the prompt of the file.

MOST_UNSAVED = 50  # Of one operator; those that they wrote at longest ago go first.

Basis = frozenset[tuple[str, str, int]]  # What is published: language, key, version.


class UnsavedPrompt(NamedTuple):
    """What an operator is writing of a prompt, and has not saved as a version."""

    language: str
    key: str
    text: str
    at: datetime


@dataclass(frozen=True)
class PromptVersion:
    """One version that somebody wrote of a prompt."""

    language: str
    key: str
    version: int
    text: str
    at: datetime
    who: str
    first_published_at: datetime | None = None  # None for a draft.


def save_version(database: Database, language: str, key: str, text: str, *, who: str) -> int:
    """Keep a draft as a new version of a prompt; give its number."""
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        last = sql.scalar(
            select(func.max(prompt_versions.c.version)).where(_is(prompt_versions, language, key))
        )
        version: int = (last or FILE) + 1
        row = {"language": language, "key": key, "version": version, "text": text}
        sql.execute(insert(prompt_versions).values(row | {"at": datetime.now(UTC), "who": who}))
        sql.execute(delete(unsaved_prompts).where(_is_unsaved(language, key, who)))
        write_audit_entry(sql, who, "words saved", _about(language, key, version))
    return version


def keep_unsaved(database: Database, language: str, key: str, text: str, *, who: str) -> None:
    """Keep what somebody is writing, in place of what they wrote there before; nobody else is shown it."""
    row = {"who": who, "language": language, "key": key, "text": text, "at": datetime.now(UTC)}
    theirs = unsaved_prompts.c.who == who
    newest = select(unsaved_prompts.c.at).where(theirs).order_by(unsaved_prompts.c.at.desc())
    with database.write() as sql:
        insert_or_change(sql, unsaved_prompts, [row])
        if oldest := sql.scalar(newest.offset(MOST_UNSAVED - 1).limit(1)):
            sql.execute(delete(unsaved_prompts).where(theirs, unsaved_prompts.c.at < oldest))


def drop_unsaved(database: Database, language: str, key: str, *, who: str) -> bool:
    """Drop what somebody is writing. False where they write nothing there."""
    with database.write() as sql:
        return bool(sql.execute(delete(unsaved_prompts).where(_is_unsaved(language, key, who))).rowcount)


def list_unsaved(database: Database, who: str) -> list[UnsavedPrompt]:
    """Read what somebody is writing, the newest first."""
    columns = unsaved_prompts.c
    wanted = select(columns.language, columns.key, columns.text, columns.at).where(columns.who == who)
    with database.read() as sql:
        return [UnsavedPrompt(*row) for row in sql.execute(wanted.order_by(columns.at.desc()))]


def list_versions(database: Database, key: str) -> list[PromptVersion]:
    """Read every version of a prompt, in every language, the newest first."""
    wanted = select(prompt_versions).where(prompt_versions.c.key == key)
    newest_first = wanted.order_by(prompt_versions.c.language, prompt_versions.c.version.desc())
    with database.read() as sql:
        return [PromptVersion(*row) for row in sql.execute(newest_first)]


def list_published(database: Database) -> list[PromptVersion]:
    """Read all that is published over the files."""
    with database.read() as sql:
        return _published(sql)


def count_drafts(database: Database) -> dict[tuple[str, str], int]:
    """Count the versions of each prompt (language, key) that are newer than the published one."""
    same = _same("language", "key")
    published = func.coalesce(published_prompts.c.version, FILE)
    counted = (
        select(prompt_versions.c.language, prompt_versions.c.key, func.count())
        .join(published_prompts, same, isouter=True)
        .where(prompt_versions.c.version > published, prompt_versions.c.first_published_at.is_(None))
        .group_by(prompt_versions.c.language, prompt_versions.c.key)
    )
    with database.read() as sql:
        return {(row[0], row[1]): row[2] for row in sql.execute(counted)}


def publish(
    database: Database, version: PromptVersion, beside: Basis, *, who: str, second_approver: bool
) -> bool:
    """Let a version be heard. False when something else was published meanwhile: check it anew.

    With a ``second_approver``, SecondApproverNeeded where whoever publishes wrote the version.
    """
    language, key = version.language, version.key
    this = and_(_is(prompt_versions, language, key), prompt_versions.c.version == version.version)
    about = _about(language, key, version.version)
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        if basis(_published(sql)) != beside:
            return False
        writer: str = sql.scalar(select(prompt_versions.c.who).where(this)) or ""
        own = second_approver and is_own_work(sql, who, {writer}, about)
        if not own:
            row = {"language": language, "key": key, "version": version.version}
            insert_or_change(sql, published_prompts, [row])
            first = update(prompt_versions).where(this, prompt_versions.c.first_published_at.is_(None))
            sql.execute(first.values(first_published_at=datetime.now(UTC)))
            by = f", written by {writer}" if second_approver else ""
            write_audit_entry(sql, who, "words published", f"{about}{by}")
    if own:
        raise SecondApproverNeeded
    return True


def take_back(database: Database, language: str, key: str, to: int, *, who: str) -> bool:
    """Go back to a version that was heard before, or to the file. False where there is no such way back."""
    this = _is(published_prompts, language, key)
    target = and_(_is(prompt_versions, language, key), prompt_versions.c.version == to)
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        published = sql.scalar(select(published_prompts.c.version).where(this))
        if published is None or published == to:
            return False
        if to == FILE:
            sql.execute(delete(published_prompts).where(this))
        elif sql.scalar(select(prompt_versions.c.first_published_at).where(target)) is None:
            return False
        else:
            sql.execute(update(published_prompts).where(this).values(version=to))
        write_audit_entry(sql, who, "words taken back", _about(language, key, to))
    return True


def basis(versions: list[PromptVersion]) -> Basis:
    """Name what is published, to publish only what was checked beside it."""
    return frozenset((each.language, each.key, each.version) for each in versions)


def texts(versions: list[PromptVersion]) -> dict[str, dict[str, str]]:
    """Give the texts of some versions by language and key."""
    by_language: dict[str, dict[str, str]] = {}
    for each in versions:
        by_language.setdefault(each.language, {})[each.key] = each.text
    return by_language


def version_before(versions: list[PromptVersion], published: int) -> int:
    """Choose which of a prompt's versions is the way back from the published one; FILE without any."""
    earlier = (v.version for v in versions if v.first_published_at and v.version < published)
    return max(earlier, default=FILE)


def _published(sql: Connection) -> list[PromptVersion]:
    """Read what is published, always in the same order."""
    wanted = select(prompt_versions).join(published_prompts, _same("language", "key", "version"))
    ordered = wanted.order_by(prompt_versions.c.language, prompt_versions.c.key)
    return [PromptVersion(*row) for row in sql.execute(ordered)]


def _same(*names: str) -> ColumnElement[bool]:
    """Whether a version and a published prompt are the same in these columns."""
    return and_(*(prompt_versions.c[name] == published_prompts.c[name] for name in names))


def _is(table: Table, language: str, key: str) -> ColumnElement[bool]:
    return and_(table.c.language == language, table.c.key == key)


def _is_unsaved(language: str, key: str, who: str) -> ColumnElement[bool]:
    return and_(_is(unsaved_prompts, language, key), unsaved_prompts.c.who == who)


def _about(language: str, key: str, version: int) -> str:
    """Name a version for the audit: never its text."""
    return f"{language} {key} " + (f"version {version}" if version else "as in the file")


# Notices: a short sentence that callers hear and texters read for a time, such as of a holiday.

PUT, ENDED = "notice put", "notice ended"  # As the audit says it.


@dataclass(frozen=True)
class Notice:
    """A sentence for each language that has one, until when it is said, and who put it there."""

    words: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    until: datetime | None = None
    who: str = ""


NO_NOTICE = Notice()


def put_notice(
    database: Database, words: Mapping[str, str], until: datetime, *, now: datetime, who: str
) -> None:
    """Have callers hear a sentence until then, in place of the one before.

    A language without words hears none.
    """
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        sql.execute(update(notices).where(notices.c.until > now).values(until=now))
        last: int = sql.scalar(select(func.max(notices.c.n))) or 0
        row = {"n": last + 1, "at": now, "until": until, "who": who}
        sql.execute(
            insert(notices), [row | {"language": name, "words": said} for name, said in words.items()]
        )
        write_audit_entry(sql, who, PUT, f"{' '.join(words)}: until {until:%Y-%m-%d %H:%M} UTC")


def end_notice(database: Database, *, now: datetime, who: str) -> bool:
    """Have nobody hear the notice any more. False where there is none."""
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        said = sql.scalars(
            select(notices.c.language).where(notices.c.until > now).order_by(notices.c.language)
        )
        if not (languages := said.all()):
            return False
        sql.execute(update(notices).where(notices.c.until > now).values(until=now))
        write_audit_entry(sql, who, ENDED, " ".join(languages))
    return True


def read_notice(database: Database, now: float) -> Notice:
    """Read the notice that is said now, if there is one."""
    with database.read() as sql:
        rows = sql.execute(
            select(notices).where(notices.c.until > moment(now)).order_by(notices.c.language)
        ).all()
    if not rows:
        return NO_NOTICE
    return Notice({row.language: row.words for row in rows}, rows[0].at, rows[0].until, rows[0].who)
