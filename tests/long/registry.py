"""Every long suite, by name. A new one is a function that takes a run, and a line here."""

from __future__ import annotations

from long.callers_at_once import measure_callers_at_once
from long.faults import measure_faults
from long.forged_numbers import measure_forged_numbers
from long.fuzz import measure_fuzz
from long.line import measure_line
from long.log import measure_log
from long.mutations import measure_mutations
from long.pytest_suites import lose_a_host, tell_stories, try_properties
from long.restarts import measure_restarts
from long.side_by_side import measure_side_by_side
from long.soak import measure_soak
from long.suites import Suite
from long.transfers_at_once import measure_transfers_at_once
from long.understanding import measure_understanding

SUITES = {
    suite.name: suite
    for suite in (
        Suite("line", "what a caller would notice: rings, turns a second, parts that are lost", measure_line),
        Suite("side_by_side", "the line beside bare Flask on three servers", measure_side_by_side),
        Suite(
            "callers_at_once", "500 to 5,000 callers who do not wait for each other", measure_callers_at_once
        ),
        Suite(
            "transfers_at_once",
            "50 and 500 callers who ask for a person in the same moment",
            measure_transfers_at_once,
        ),
        Suite(
            "forged", "texts and rings that one number gets from whoever forges it", measure_forged_numbers
        ),
        Suite("log", "a log of ten million turns: its pages, filing and forgetting", measure_log),
        Suite(
            "understanding",
            "ten texts a second: how soon they are answered, and by what",
            measure_understanding,
        ),
        Suite(
            "restarts",
            "what callers, texters and the log notice of new versions",
            measure_restarts,
        ),
        Suite("mutations", "faults put into the product: which tests see them", measure_mutations),
        Suite("hosts", "two hosts with disks of their own, one of which is lost", lose_a_host),
        Suite(
            "faults",
            "every fault in the middle of calls, and what callers and the log had of it",
            measure_faults,
        ),
        Suite(
            "fuzz",
            "a hundred thousand bad requests: what is answered, and what is kept of them",
            measure_fuzz,
        ),
        Suite("soak", "half an hour of everything: what grows, and whether the log is right", measure_soak),
        Suite("properties", "what must hold for everything, on very many examples", try_properties),
        Suite("stories", "the real-process stories with the limits of production", tell_stories),
    )
}
