"""How the code is built: where each library lives, what things are called, how long they may be."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "ivr").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
NAMES = {path: path.relative_to(ROOT).as_posix() for path in (*MODULES, *TESTS)}

HOMES = {  # Library -> where it may be imported. One that is not named here is a decision: write it down.
    "alembic": ("ivr/records/",),
    "argon2": ("ivr/authentication.py",),
    "click": ("ivr/cli/",),
    "cryptography": ("ivr/work/",),
    "flask": ("ivr/web/", "ivr/wiring.py", "ivr/wiring_site.py"),
    "flask_login": ("ivr/web/console/",),
    "flask_wtf": ("ivr/web/console/",),
    "itsdangerous": ("ivr/web/",),
    "msgspec": ("ivr/flow/", "ivr/agencies.py", "ivr/records/", "ivr/simulator/"),
    "numpy": ("ivr/understanding/",),
    "phonenumbers": ("ivr/phone_numbers.py",),
    "pygal": ("ivr/reports/charts.py",),
    "pyotp": ("ivr/authentication.py",),
    "rapidfuzz": ("ivr/flow/",),
    "redis": ("ivr/work/",),
    "requests": ("ivr/simulator/", "ivr/telephony/"),
    "rich": ("ivr/cli/", "ivr/simulator/"),
    "rq": ("ivr/work/",),
    "segno": ("ivr/web/",),
    "sqlalchemy": ("ivr/records/",),
    "tomlkit": ("ivr/operations/toml_editing.py",),
    "twilio": ("ivr/telephony/",),
    "werkzeug": ("ivr/web/",),
}
VAGUE = frozenset(
    {"util", "utils", "helper", "helpers", "common", "misc", "manager", "service", "handler", "processor"}
    | {"info", "obj", "do", "handle", "process"}
)
NOT_OURS = {  # Vague words that a library asks for.
    "do_GET": "http.server",
    "do_POST": "http.server",
    "do_DELETE": "http.server",
    "_do": "Of the pretend network: what a scripted person or a due moment does.",
    "process_bind_param": "SQLAlchemy",
    "process_result_value": "SQLAlchemy",
}
LONGEST_FILE = 250
LONGEST_FUNCTION = 30
MOST_ARGUMENTS = 4
CALLED_BY_NAME = {  # Functions that a library calls, each argument by its name or in an order of its own.
    "ivr/cli/main.py:calls": "click",
    "ivr/telephony/twilio_client.py:request": "twilio",
    "ivr/web/waiting.py:wait": "flask",
}
FIVE = frozenset(  # Older than the rule: none may join them, and one that is mended leaves.
    {
        "ivr/flow/complaints.py:_complains",
        "ivr/flow/step.py:step",
        "ivr/flow/texting.py:reply",
        "ivr/line.py:tick",
        "ivr/records/calls.py:list_calls",
        "ivr/transfer/coordinator.py:tick",
        "ivr/simulator/listening.py:add",
        "ivr/simulator/messages.py:_new",
        "ivr/telephony/twilio_client.py:_create",
        "ivr/telephony/twilio_client.py:_ring",
    }
)
PATCHES = frozenset({"mock", "MagicMock", "AsyncMock", "create_autospec"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Name the library of each import of a file, those for type checkers and inside functions too."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def functions(path: Path) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def words(name: str) -> set[str]:
    """Take a name apart: ``read_HTTPForm`` is read, http, form."""
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", name)
    return set(apart.lower().split("_"))


def named(path: Path) -> Iterator[str]:
    yield path.stem
    yield path.parent.name
    for node in ast.walk(tree(path)):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name


def positional(function: Function) -> list[str]:
    given = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in given if name not in {"self", "cls"}]


@pytest.mark.parametrize("path", MODULES, ids=NAMES.get)
def test_each_library_stays_in_its_home(path: Path) -> None:
    foreign = {name for name in imports(path) if name not in sys.stdlib_module_names and name != "ivr"}

    strays = [name for name in foreign if not NAMES[path].startswith(HOMES.get(name, ()))]

    assert strays == []


def test_every_home_is_lived_in() -> None:
    used = {name for path in MODULES for name in imports(path)}

    assert set(HOMES) - used == set()


@pytest.mark.parametrize("path", MODULES, ids=NAMES.get)
def test_no_name_hides_what_it_stands_for(path: Path) -> None:
    vague = [name for name in named(path) if name not in NOT_OURS and words(name) & VAGUE]

    assert vague == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES.get)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES, ids=NAMES.get)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    lengths = {each.name: (each.end_lineno or 0) - each.lineno + 1 for each in functions(path)}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", MODULES, ids=NAMES.get)
def test_a_call_can_be_read_without_counting_its_arguments(path: Path) -> None:
    many = {
        f"{NAMES[path]}:{each.name}" for each in functions(path) if len(positional(each)) > MOST_ARGUMENTS
    }

    assert many - FIVE - set(CALLED_BY_NAME) == set()


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=NAMES.get)
def test_every_folder_states_its_rule_and_nothing_else(path: Path) -> None:
    (only,) = tree(path).body

    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert isinstance(only.value.value, str)


def test_every_folder_of_the_package_has_a_rule() -> None:
    folders = {path.parent for path in MODULES}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", TESTS, ids=NAMES.get)
def test_no_test_patches_what_it_tests(path: Path) -> None:
    nodes = list(ast.walk(tree(path)))

    called = {node.id for node in nodes if isinstance(node, ast.Name)} & PATCHES
    modules = {name for node in nodes if isinstance(node, ast.ImportFrom) for name in [node.module or ""]}
    set_by_force = [
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "monkeypatch.setattr"
    ]

    assert (called, {name for name in modules if "mock" in name}, set_by_force) == (set(), set(), [])


def test_no_file_of_the_product_silences_every_type() -> None:
    bare = re.compile(r"# type: ignore(?!\[)|# noqa(?!:)")

    assert [NAMES[path] for path in MODULES if bare.search(path.read_text("utf-8"))] == []
