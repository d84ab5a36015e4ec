"""What is stored of the line's own words: each version that somebody wrote, and which one is published."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Integer, String, Table

from ivr.records.tables import Moment, metadata

wordings = Table(
    "wordings",
    metadata,
    Column("language", String, primary_key=True),
    Column("place", String, primary_key=True),  # As `ivr check` names it: stops.law.say.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("words", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("who", String, nullable=False),
    Column("heard_since", Moment),  # When it was first published; empty for a draft.
)

published = Table(  # Without a row the words of the file are heard.
    "published",
    metadata,
    Column("language", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(
        ["language", "place", "version"], ["wordings.language", "wordings.place", "wordings.version"]
    ),
)
