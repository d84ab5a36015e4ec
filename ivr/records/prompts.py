"""The line's own words as operators write them: versions, which one is published, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, insert, select, update

from ivr.records.audit import write_deed
from ivr.records.database import Lock, be_alone, insert_or_change
from ivr.records.tables import published, wordings

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from ivr.records.database import Database

FILE = 0  # In the place of a version: the words of the file.

Basis = frozenset[tuple[str, str, int]]  # What is published: language, place, version.


@dataclass(frozen=True)
class Version:
    """Words that somebody wrote for one place."""

    language: str
    place: str
    version: int
    words: str
    at: datetime
    who: str
    heard_since: datetime | None = None  # When it was first published; nothing for a draft.


def save_version(database: Database, draft: tuple[str, str, str], *, who: str) -> int:
    """Keep a draft (language, place, words) as a new version; give its number."""
    language, place, words = draft
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        last = sql.scalar(select(func.max(wordings.c.version)).where(_at(wordings, language, place)))
        version: int = (last or FILE) + 1
        row = {"language": language, "place": place, "version": version, "words": words}
        sql.execute(insert(wordings).values(row | {"at": datetime.now(UTC), "who": who}))
        write_deed(sql, who, "words saved", _about(language, place, version))
    return version


def list_versions(database: Database, place: str) -> list[Version]:
    """Read every version of a place, in every language, the newest first."""
    wanted = select(wordings).where(wordings.c.place == place)
    with database.read() as sql:
        rows = sql.execute(wanted.order_by(wordings.c.language, wordings.c.version.desc())).all()
    return [Version(*row) for row in rows]


def list_published(database: Database) -> list[Version]:
    """Read all that is published over the files."""
    with database.read() as sql:
        return _published(sql)


def count_drafts(database: Database) -> dict[tuple[str, str], int]:
    """Count the versions of each place that are newer than what is published there: language, place."""
    newer = and_(*(wordings.c[name] == published.c[name] for name in ("language", "place")))
    heard = func.coalesce(published.c.version, FILE)
    counted = (
        select(wordings.c.language, wordings.c.place, func.count())
        .join(published, newer, isouter=True)
        .where(wordings.c.version > heard, wordings.c.heard_since.is_(None))
        .group_by(wordings.c.language, wordings.c.place)
    )
    with database.read() as sql:
        return {(row[0], row[1]): row[2] for row in sql.execute(counted)}


def wording(versions: list[Version]) -> dict[str, dict[str, str]]:
    """Put versions together as words by language and place."""
    found: dict[str, dict[str, str]] = {}
    for each in versions:
        found.setdefault(each.language, {})[each.place] = each.words
    return found


def basis(versions: list[Version]) -> Basis:
    """Name what is published, to publish only what was checked beside it."""
    return frozenset((each.language, each.place, each.version) for each in versions)


def publish(database: Database, version: Version, beside: Basis, *, who: str) -> bool:
    """Let a version be heard. False when something else was published meanwhile: check it anew."""
    language, place = version.language, version.place
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        if basis(_published(sql)) != beside:
            return False
        row = {"language": language, "place": place, "version": version.version}
        insert_or_change(sql, published, [row])
        this = and_(_at(wordings, language, place), wordings.c.version == version.version)
        fresh = update(wordings).where(this, wordings.c.heard_since.is_(None))
        sql.execute(fresh.values(heard_since=datetime.now(UTC)))
        write_deed(sql, who, "words published", _about(language, place, version.version))
    return True


def take_back(database: Database, language: str, place: str, to: int, *, who: str) -> bool:
    """Go back to a version that was heard before, or to the file. False where there is no such way back."""
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        here = _at(published, language, place)
        heard = sql.scalar(select(published.c.version).where(here))
        once = and_(_at(wordings, language, place), wordings.c.version == to)
        if heard is None or heard == to:
            return False
        if to == FILE:
            sql.execute(delete(published).where(here))
        elif sql.scalar(select(wordings.c.heard_since).where(once)) is None:
            return False
        else:
            sql.execute(update(published).where(here).values(version=to))
        write_deed(sql, who, "words taken back", _about(language, place, to))
    return True


def before(versions: list[Version], heard: int) -> int:
    """Tell which of a place's versions is the way back from the one that is heard."""
    return max((v.version for v in versions if v.heard_since and v.version < heard), default=FILE)


def _published(sql: Connection) -> list[Version]:
    """Read what is published, in a lasting order."""
    same = and_(*(wordings.c[name] == published.c[name] for name in ("language", "place", "version")))
    wanted = select(wordings).join(published, same).order_by(wordings.c.language, wordings.c.place)
    return [Version(*row) for row in sql.execute(wanted)]


def _at(table: Table, language: str, place: str) -> ColumnElement[bool]:
    return and_(table.c.language == language, table.c.place == place)


def _about(language: str, place: str, version: int) -> str:
    """Name a version for the audit: never its words."""
    return f"{language} {place} " + (f"version {version}" if version else "as in the file")
