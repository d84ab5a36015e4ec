"""A web server made of paper: answers webhooks from written documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from ivr.simulator.webhooks import Answer

Form = dict[str, str]
Document = str | Answer | Callable[[Form], "str | Answer"]


@dataclass
class Papers:
    """Answers each path with its document; remembers what was asked."""

    documents: dict[str, Document] = field(default_factory=dict)
    asked: list[tuple[str, Form, dict[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        """Answer one request."""
        parts = urlsplit(url)
        told = dict(form) if form is not None else dict(parse_qsl(parts.query))
        self.asked.append((parts.path, told, dict(headers)))
        document = self.documents.get(parts.path, Answer(404, "text/html", "nothing here"))
        answer = document(told) if callable(document) else document
        return answer if isinstance(answer, Answer) else twiml(answer)

    def forms(self, path: str) -> list[Form]:
        """List the forms that were posted to a path."""
        return [form for asked, form, _ in self.asked if asked == path]

    def paths(self) -> list[str]:
        """List the paths in the order in which they were asked for."""
        return [path for path, _, _ in self.asked]


def twiml(inside: str, *cookies: str) -> Answer:
    """Write a TwiML answer around some verbs."""
    return Answer(200, "text/xml; charset=utf-8", f"<Response>{inside}</Response>", cookies)
