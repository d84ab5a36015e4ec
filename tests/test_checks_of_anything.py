"""Whatever the files hold, the check answers."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.agencies import Directory
from ivr.checks.runner import check, inspect
from ivr.flow.diagrams import diagram
from ivr.flow.loader import PageWords, validate
from ivr.flow.menu_measurements import measure, summary
from ivr.flow.models import Coverage, Facts, Flow, Keywords, LineFile, Menus, Place, Prompts
from ivr.flow.patched_flow import patched

MINIMAL = Path(__file__).parent / "lines" / "minimal"
FILES = tuple(str(path.relative_to(MINIMAL)) for path in sorted(MINIMAL.rglob("*.toml")))
SHAPES = {
    "config/line.toml": LineFile,
    "config/menus.toml": Menus,
    "config/agencies.toml": Directory,
    "config/keywords.toml": Keywords,
    "config/facts.toml": Facts,
    "config/coverage.toml": Coverage,
    "config/place.toml": Place,
    "prompts/en.toml": Prompts,
    "prompts/fr.toml": Prompts,
    "prompts/pages/en.toml": PageWords,
    "prompts/pages/fr.toml": PageWords,
}
WORDS = st.sampled_from(
    [
        "",
        "0",
        "1",
        "03",
        "-1",
        "9 1 1",
        "main",
        "check",
        "check",
        "any",
        "listeners",
        "Night_Desk",
        "en",
        "fr",
        "x",
        "{key}",
        "{",
        "{nobody.number}",
        "{library.name}",
        "²",
        "٣",
        "\x00",
        "ê" * 200,
        "08:00-25:61",
        "+1",
    ]
)
ATOMS = st.one_of(WORDS, st.text(max_size=8), st.integers(), st.booleans(), st.floats(allow_nan=False))
PLACES = st.lists(st.integers(0, 50), min_size=1, max_size=4)
quick = examples(40)


def spoil(data: object, place: list[int], value: object) -> object:
    """Put a value at some place of nested tables; an empty way, or a leaf, is replaced."""
    if not isinstance(data, dict) or not data or not place:
        return value
    names = [*data, "x"]
    name = names[place[0] % len(names)]
    return {**data, name: spoil(data.get(name), place[1:], value)}


@pytest.mark.parametrize("name", FILES)
@given(body=st.binary(max_size=300))
@examples(8)
def test_any_bytes_in_a_file_are_answered(name: str, body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        line = Path(shutil.copytree(MINIMAL, Path(folder) / "line"))
        (line / name).write_bytes(body)

        report = check(line / "config", line / "prompts")

        assert all(str(fault).isprintable() for fault in report.faults)


@pytest.mark.parametrize(
    "body",
    [
        "a = " + "[" * 3000,
        "a = " + "9" * 5000,
        "a = 1\na = 2",
        "[languages.'../x']\nvoice = ''",
        '["\\u0000"]\n',
    ],
)
@pytest.mark.parametrize("name", FILES)
def test_an_absurd_file_is_named(name: str, body: str, tmp_path: Path) -> None:
    line = Path(shutil.copytree(MINIMAL, tmp_path / "line"))
    (line / name).write_text(body)

    report = check(line / "config", line / "prompts")

    assert report.faults[0].file == str(line / name)


@given(spoils=st.lists(st.tuples(st.sampled_from(FILES), PLACES, ATOMS), min_size=1, max_size=6))
@quick
def test_any_edit_of_a_good_line_is_answered(spoils: list[tuple[str, list[int], object]]) -> None:
    data = {name: tomllib.loads((MINIMAL / name).read_text()) for name in FILES}
    for name, place, value in spoils:
        edited = spoil(data[name], place, value)
        fits = not validate(edited, SHAPES[name], name)[1] if isinstance(edited, dict) else False
        if fits:  # What does not fit the shape is tested below.
            data[name] = edited
    read = {name: validate(data[name], SHAPES[name], name)[0] for name in FILES}
    line = read["config/line.toml"]
    words = {name: read.get(f"prompts/{name}.toml", read["prompts/en.toml"]) for name in line.languages}
    flow = Flow(
        read["config/menus.toml"],
        words,
        line,
        read["config/agencies.toml"],
        read["config/keywords.toml"],
        read["config/facts.toml"],
        read["config/coverage.toml"],
        read["config/place.toml"],
    )

    faults = list(inspect(flow))

    assert all(str(fault).isprintable() for fault in faults)
    assert diagram(flow)
    assert not flow.languages or summary(measure(patched(flow)))


@given(spoils=st.lists(st.tuples(PLACES, ATOMS), min_size=1, max_size=6), name=st.sampled_from(FILES))
@quick
def test_any_shape_of_a_file_is_answered(name: str, spoils: list[tuple[list[int], object]]) -> None:
    data: object = tomllib.loads((MINIMAL / name).read_text())
    for place, value in spoils:
        data = spoil(data, place, value)

    found, faults = validate(data if isinstance(data, dict) else {}, SHAPES[name], name)

    assert (found is None) == bool(faults)
