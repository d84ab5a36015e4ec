"""What is stored of days that are over: counts alone."""

from __future__ import annotations

from sqlalchemy import Column, Date, Integer, String, Table

from ivr.records.tables import metadata

tallies = Table(  # The counts of a day that is over; deleted when a call of it changes or goes.
    "tallies",
    metadata,
    Column("zone", String, primary_key=True),  # By whose clock the day was counted.
    Column("day", Date, primary_key=True, index=True),
    Column("what", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
)
