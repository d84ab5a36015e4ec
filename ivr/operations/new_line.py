"""The files of a line for another city, made out of this one's: what holds everywhere, and marked blanks.

What holds in the whole province or country is kept. A text that names a service of the old city is blank in
the new files, with the old words beside it as a comment: nobody is sent to a shelter that is 400 km away.
A source of the old city stays where it carries something, and `ivr check` names it until one of the new
city stands there.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit

import ivr
from ivr.flow.loader import BLANK, read_flow
from ivr.flow.models import ChecklistStop, MessageStop
from ivr.flow.prompts import made_from_file
from ivr.flow.rendering import PLACEHOLDER
from ivr.phone_numbers import why_not

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow

NONE = "none"  # In place of a number: this city has no such agency.
FOLDERS = ("config", "prompts", "phrases")
COPIED = ("menus.toml", "keywords.toml", "interpreters.toml")
EDITED = ("place", "agencies", "facts", "line")
COVERAGE = """\
# What the line was asked to say, and the stop that carries it, or why none does. Nothing yet: write here
# what those who pay for the line, or run it, want to be heard on it, such as
#   "The city's letter" = [
#     { what = "Why people stay silent", stops = ["fears"], heard = { en = "do not trust the police" } },
#   ]
# "ivr check" names a stop that no caller can reach any more, and a sentence that is gone.

[papers]
"""


class NewLineError(Exception):
    """A new line cannot be laid out; the message says what to mend."""


@dataclass(frozen=True)
class NewLine:
    """What is known of the new line. What is empty becomes a marked blank."""

    city: str
    languages: tuple[str, ...]
    number: str = ""
    name: str = ""
    police: str = ""
    agencies: Mapping[str, str] = field(default_factory=dict)  # Role -> number, or NONE.


def delivered_files() -> Path:
    """Give the folder of config, prompts and phrases that came with the program."""
    checkout = Path(ivr.__file__).parent.parent
    return checkout if (checkout / "config").is_dir() else Path(sys.prefix) / "share" / "ivr"


def own_agencies(flow: Flow) -> tuple[str, ...]:
    """Name the agencies that every city has, each its own, in the order of the file."""
    return tuple(name for name in flow.directory.agencies if name in flow.place.roles)


def lay_out(source: Path, target: Path, new: NewLine) -> None:
    """Write the files of a new line into an empty folder. NewLineError: something asked for cannot be."""
    flow = read_flow(source / "config", source / "prompts")
    _refuse(flow, target, new)
    gone = _left_out(flow, new)
    config = target / "config"
    config.mkdir(parents=True)
    for name in COPIED:
        shutil.copyfile(source / "config" / name, config / name)
    (config / "coverage.toml").write_text(COVERAGE, "utf-8")
    words = _words_left(flow, new, gone)
    edited = {name: tomlkit.parse((source / "config" / f"{name}.toml").read_text("utf-8")) for name in EDITED}
    _edit_place(edited["place"], new, gone, words)
    _edit_agencies(edited["agencies"], flow, new, gone)
    _edit_facts(edited["facts"], flow, new, gone)
    _edit_line(edited["line"], flow, new)
    for name, document in edited.items():
        text = _without_comments_on(words, tomlkit.dumps(document))
        (config / f"{name}.toml").write_text(text, "utf-8")
    _lay_out_prompts(source / "prompts", target / "prompts", flow, new, gone)
    shutil.copytree(source / "phrases", target / "phrases")  # What people write: learned from as it is.
    _lay_out_environment(source / "deploy" / "line.env", target, new)


def _refuse(flow: Flow, target: Path, new: NewLine) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise NewLineError(f"{target} is there already, and not empty: name a new folder")
    if not re.search(r"\w", new.city) or not new.city.isprintable() or re.search(r"[{}]", new.city):
        raise NewLineError(f"'{new.city}' is no name of a city: write it as callers are to hear it")
    unknown = [each for each in new.languages if each not in flow.prompts]
    if unknown or not new.languages:
        known = ", ".join(flow.prompts)
        raise NewLineError(f"languages: '{', '.join(unknown)}': choose from {known}")
    roles = own_agencies(flow)
    for name, number in new.agencies.items():
        if name not in roles:
            raise NewLineError(f"'{name}' is no agency that every city has: choose from {', '.join(roles)}")
        if number not in ("", NONE) and (why := why_not(number)):
            raise NewLineError(f"{name}: '{number}' {why}; write it like +17055550123, or '{NONE}'")
    if new.number and (why := why_not(new.number)):
        raise NewLineError(f"the line's number: '{new.number}' {why}; write it like +17055550123")


def _left_out(flow: Flow, new: NewLine) -> frozenset[str]:
    """Name what is of the old city alone: agencies whose source is the city's, and its names."""
    place = flow.place
    kept = {*place.anywhere, "city", *(each for each in place.roles if new.agencies.get(each) != NONE)}
    agencies = (
        name for name, agency in flow.directory.agencies.items() if flow.facts.facts[agency.source].city
    )
    return frozenset(name for name in (*agencies, *place.names) if name not in kept)


def _words_left(flow: Flow, new: NewLine, gone: frozenset[str]) -> tuple[str, ...]:
    """Give the words of the old place that no longer may stand anywhere: names, the most general alone."""
    cities = list(flow.place.names["city"].values())
    police = [name for key in flow.place.roles for name in flow.place.names.get(key, {}).values()]
    names = [name for key in flow.place.names if key in gone for name in flow.place.names[key].values()]
    for language in new.languages:
        agencies = flow.prompts[language].agencies
        names += [agencies[name].name for name in agencies if name in gone]
    words: list[str] = []
    for word in (*cities, *police, *names):
        proper = word != word.lower() or word == word.upper()  # "its night line" is nobody's name.
        if proper and not PLACEHOLDER.search(word) and not any(each in word for each in words):
            words.append(word)
    return tuple(word for word in words if word not in new.city)


def _edit_place(document: Any, new: NewLine, gone: frozenset[str], words: tuple[str, ...]) -> None:
    names = document["names"]
    for key in list(names):
        if key in gone:
            del names[key]
    names["city"] = _inline({"en": new.city})
    if "police" in names:
        first, *others = new.languages
        blank = f"{BLANK}: what they are called inside a sentence"
        own = {language: blank for language in others if language in names["police"]}
        names["police"] = _inline({first: new.police or blank} | own)
    for part in ("anywhere", "roles"):
        document[part] = [each for each in document[part] if each not in gone]
    document["elsewhere"] = _lines(words)


def _edit_agencies(document: Any, flow: Flow, new: NewLine, gone: frozenset[str]) -> None:
    agencies = document["agencies"]
    for name in list(agencies):
        if name in gone:
            del agencies[name]
    for name, agency in agencies.items():
        agency["last_dialled"] = agency["rehearsed_on"] = ""
        for part in ("last_dialled_by", "heard"):
            agency.pop(part, None)
        if name in own_agencies(flow):
            agency["number"] = new.agencies.get(name) or f"{BLANK}: its number"
            agency["run_by"] = f"{BLANK}: who runs it"
            agency["source"] = _own_source(name)
            agency.pop("hours", None)
    for order in document["orders"]:
        document["orders"][order] = [name for name in document["orders"][order] if name not in gone]


def _edit_facts(document: Any, flow: Flow, new: NewLine, gone: frozenset[str]) -> None:
    """Keep what still carries something, and leave room for the sources of the new city's agencies."""
    facts = document["facts"]
    kept = [name for name in flow.directory.agencies if name not in gone]
    used = {flow.directory.agencies[name].source for name in kept if name not in own_agencies(flow)}
    for stop in flow.stops.values():
        used.update(stop.facts if isinstance(stop, MessageStop | ChecklistStop) else ())
    for name in list(facts):
        if name not in used:
            del facts[name]
    for name in kept:
        if name in own_agencies(flow):
            fact = tomlkit.table()
            fact["supports"] = f"{BLANK}: what the source says of {name}"
            fact["address"] = f"{BLANK}: where you read the number"
            fact["seen"] = f"{BLANK}: the date that the page shows, or undated"
            fact["confidence"] = "U"
            fact["city"] = new.city
            fact["checked_on"] = fact["checked_by"] = ""
            facts[_own_source(name)] = fact
            fact.add(tomlkit.nl())


def _own_source(agency: str) -> str:
    return f"OWN-{agency}"


def _edit_line(document: Any, flow: Flow, new: NewLine) -> None:
    document["name"] = new.name or f"{new.city} Information Line on Human Trafficking"
    for language, settings in document["languages"].items():
        if language not in new.languages:
            settings["on"] = False
        if settings.get("stand_in") and settings["stand_in"] not in new.languages:
            settings["stand_in"] = next(each for each in flow.synthetic if each in new.languages)
    document.get("numbers", {}).clear()
    document["united_states"]["registered"] = False
    document["united_states"]["registration"] = ""


def _lay_out_prompts(source: Path, target: Path, flow: Flow, new: NewLine, gone: frozenset[str]) -> None:
    """Write the words of each language, and of its page; those that name what is gone are blank."""
    for language in new.languages:
        for name in (f"{language}.toml", f"pages/{language}.toml"):
            if not (source / name).is_file():
                continue
            document = tomlkit.parse((source / name).read_text("utf-8"))
            agencies = document.get("agencies", {})
            for agency in [each for each in agencies if each in gone]:
                del agencies[agency]
            if "reviewed_by" in document:
                document["reviewed_by"] = document["reviewed_on"] = ""
            for holder, key, text in list(_texts(document)):
                if any(match[1] in gone for match in PLACEHOLDER.finditer(text)):
                    _leave_blank(holder, key, text, flow)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(tomlkit.dumps(document), "utf-8")
        if (made_from := made_from_file(source, language)).is_file():
            made_from_file(target, language).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made_from, made_from_file(target, language))


def _texts(holder: Any) -> Iterator[tuple[Any, Any, str]]:
    """Give each text of a TOML document with what holds it, and where."""
    for key, value in list(holder.items()) if hasattr(holder, "items") else list(enumerate(holder)):
        if isinstance(value, str):
            yield holder, key, value
        elif hasattr(value, "items") or isinstance(value, list):
            yield from _texts(value)


def _leave_blank(holder: Any, key: Any, old: str, flow: Flow) -> None:
    """Put a blank in the place of a text; the old words stand beside it as a comment, as an example."""
    blank = tomlkit.string(f"{BLANK}: what there is here, as callers are to hear or read it")
    if hasattr(holder, "items"):
        blank.comment(f"For {flow.place.name('city', 'en')}: {' '.join(old.split())}")
    holder[key] = blank


def _lay_out_environment(template: Path, target: Path, new: NewLine) -> None:
    """Write the settings to fill in: they name the new folders, and the number."""
    values = {f"IVR_{name.upper()}": str((target / name).resolve()) for name in FOLDERS}
    values |= {"TWILIO_PHONE_NUMBER": new.number} if new.number else {}
    names = (line.partition("=")[0] for line in template.read_text("utf-8").splitlines())
    lines = zip(names, template.read_text("utf-8").splitlines(), strict=True)
    text = "".join(f"{name}={values[name]}\n" if name in values else f"{line}\n" for name, line in lines)
    (target / "line.env").write_text(text, "utf-8")


def _without_comments_on(words: tuple[str, ...], text: str) -> str:
    """Leave out comments that tell of the old place: they are not true of the new one."""
    lines = []
    for line in text.splitlines():
        code, _, comment = line.partition("#")
        about = '"' not in comment and any(word in comment for word in words)
        if not about:
            lines.append(line)
        elif code.strip():
            lines.append(code.rstrip())
    return "\n".join(lines) + "\n"


def _inline(values: Mapping[str, str]) -> Any:
    table = tomlkit.inline_table()
    table.update(values)
    return table


def _lines(words: tuple[str, ...]) -> Any:
    array = tomlkit.array()
    array.extend(words)
    return array.multiline(multiline=True)
