"""What an operator is sent: the counts of a day or a week, or an alarm. No number, no word, no call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.records.counts import HIDDEN, parts_shown, shown, steps_shown
from ivr.reports.document import read_translations
from ivr.reports.sections import figures
from ivr.work.message_sending import Message

if TYPE_CHECKING:
    from ivr.records.notifications import AlarmKind
    from ivr.records.report_queries import Report
    from ivr.work.notifications import LineNow


@dataclass(frozen=True)
class MessageWords:
    """Writes what operators are sent of a line."""

    line: str  # Its name.

    def digest(self, language: str, report: Report, now: LineNow) -> Message:
        """Write the counts of a period: none that is small, and none from which a small one can be told."""
        t, known, period = read_translations(language), figures(report), report.period
        channels = parts_shown({"calls": known.calls, "texts": known.texts})
        persons = steps_shown({"asked": known.asked, "reached": known.reached})
        cells = {**channels, **persons, "undelivered": shown(now.undelivered), "alarms": str(now.alarms)}
        lines = [
            t[f"digest_{name}"].format(count=t["hidden"] if cell == HIDDEN else cell)
            for name, cell in cells.items()
        ]
        lines.append(t["digest_agencies"].format(off=now.off, all=now.agencies))
        key = "digest_subject_daily" if period.since == period.until else "digest_subject_weekly"
        subject = t[key].format(line=self.line, since=period.since, until=period.until)
        return Message(subject, "\n".join((subject, "", *lines, "", t["digest_foot"], "")))

    def alarm(self, language: str, kind: AlarmKind, about: str) -> Message:
        """Write an alarm; of a part that has no sentence of its own only that one is silent."""
        t = read_translations(language)
        words = t.get(f"notify_{kind}_{about}") or t[f"notify_{kind}"].format(about=about)
        return Message(
            t["notify_subject"].format(line=self.line), "\n".join((words, "", t["notify_foot"], ""))
        )
