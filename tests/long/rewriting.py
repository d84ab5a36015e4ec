"""How long filing waits while PostgreSQL's tables are written anew. In tests/: `python -m long.rewriting`."""

from __future__ import annotations

import argparse
import json
import threading
import time
from contextlib import closing
from typing import Any

import psycopg
from postgres import running_postgres

from ivr.effects import Entry
from ivr.records.database import connect
from ivr.records.ingest import record
from ivr.records.migrations.migrate import upgrade
from ivr.records.table_rewriting import rewrite

NOW = 1_795_000_000.0
CALLS = """
INSERT INTO calls (id, channel, started_at, ended_at, end_estimated, language, last_stop, outcome, turns,
  mark)
SELECT md5('call' || n), 'voice', to_timestamp(%(now)s - n), to_timestamp(%(now)s - n + 60), false, 'en',
  'main', 'informed', 4, md5('mark' || n) FROM generate_series(1, %(calls)s) n
"""
TURNS = """
INSERT INTO turns (call_id, key, n, stop, heard, seconds, language, order_name, rang, ended, outcome,
  transfer_id)
SELECT md5('call' || n), k, k, 'main', 'answered', k * 10, 'en', '', '', '', '', ''
FROM generate_series(1, %(calls)s) n, generate_series(1, 4) k
"""


def measure(calls: int) -> dict[str, Any]:
    """File a call every few milliseconds while all tables are written anew; give the longest waits."""
    waits: list[float] = []
    over = threading.Event()
    with running_postgres() as url:
        upgrade(url)
        with psycopg.connect(url, autocommit=True) as sql:
            for statement in (CALLS, TURNS, "ANALYZE"):
                sql.execute(statement, {"calls": calls, "now": NOW})

        def file() -> None:
            with closing(connect(url, patience=60)) as database:
                while not over.wait(0.005):
                    began = time.monotonic()
                    record(database, [Entry(f"new-{len(waits)}", "1", NOW, "voice", "en", "main")], NOW)
                    waits.append(time.monotonic() - began)

        thread = threading.Thread(target=file)
        thread.start()
        over.wait(5)
        quiet, began = max(waits), time.monotonic()
        del waits[:-1]
        with closing(connect(url)) as database:
            done = rewrite(database)
        took = time.monotonic() - began
        over.set()
        thread.join()
    ordered = sorted(waits)
    return {
        "turns": calls * 4,
        "calls": calls,
        "done": done,
        "seconds": round(took, 1),
        "calls filed meanwhile": len(waits),
        "slowest filing before, ms": round(quiet * 1000),
        "slowest filing meanwhile, ms": round(ordered[-1] * 1000),
        "median filing meanwhile, ms": round(ordered[len(ordered) // 2] * 1000, 1),
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=250_000, help="with four turns each")
    print(json.dumps(measure(options.parse_args().calls), indent=2))  # noqa: T201 - what it is for
