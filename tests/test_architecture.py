"""How the code is built: where each library lives, what things are called, what tests may do."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "ivr").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
NAMES = {path: path.relative_to(ROOT).as_posix() for path in (*MODULES, *TESTS)}

HOMES = {  # Library -> where it may be imported. One that is not named here is a decision: write it down.
    "alembic": ("ivr/records/",),
    "apprise": ("ivr/work/message_sending.py",),
    "argon2": ("ivr/authentication.py",),
    "click": ("ivr/cli/",),
    "cryptography": ("ivr/encryption.py", "ivr/work/secret_store.py"),
    "flask": ("ivr/web/", "ivr/wiring.py"),
    "flask_login": ("ivr/web/console/",),
    "flask_wtf": ("ivr/web/console/",),
    "itsdangerous": ("ivr/web/",),
    "jinja2": ("ivr/reports/document.py",),
    "markupsafe": ("ivr/web/console/bootstrap.py",),
    "msgspec": ("ivr/records/", "ivr/simulator/"),
    "mutagen": ("ivr/checks/prompts.py",),
    "numpy": ("ivr/understanding/",),
    "pydantic": ("ivr/flow/", "ivr/agencies.py", "ivr/transfer/time_limits.py"),
    "phonenumbers": ("ivr/phone_numbers.py",),
    "pygal": ("ivr/reports/charts.py",),
    "xlsxwriter": ("ivr/reports/document.py",),
    "pyotp": ("ivr/authentication.py",),
    "rapidfuzz": ("ivr/understanding/",),
    "redis": ("ivr/work/",),
    "requests": ("ivr/simulator/", "ivr/telephony/"),
    "rich": ("ivr/cli/", "ivr/simulator/"),
    "rq": ("ivr/work/",),
    "segno": ("ivr/web/",),
    "sentry_sdk": ("ivr/logs.py",),
    "sqlalchemy": ("ivr/records/",),
    "tomli": ("ivr/flow/loader.py", "ivr/understanding/"),
    "tomlkit": ("ivr/operations/",),
    "twilio": ("ivr/telephony/",),
    "webauthn": ("ivr/web/console/passkeys.py",),
    "werkzeug": ("ivr/web/",),
    "prometheus_client": ("ivr/web/metrics.py",),
    "gunicorn": ("ivr/web/server/",),
    "uvicorn": ("ivr/web/server/",),
    "uvicorn_worker": ("ivr/web/server/",),
}
VAGUE = frozenset({"util", "utils", "helper", "helpers", "misc"})
NOT_OURS = {  # Vague words that a library asks for.
    "do_GET": "http.server",
    "do_POST": "http.server",
    "do_DELETE": "http.server",
    "_do": "Of the pretend network: what a scripted person or a due moment does.",
    "process_bind_param": "SQLAlchemy",
    "process_result_value": "SQLAlchemy",
}
PATCHES = frozenset({"mock", "MagicMock", "AsyncMock", "create_autospec"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


def imports(path: Path) -> Iterator[str]:
    """Name the library of each import of a file, those for type checkers and inside functions too."""
    for node in nodes(path):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def words(name: str) -> set[str]:
    """Take a name apart: ``read_HTTPForm`` is read, http, form."""
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", name)
    return set(apart.lower().split("_"))


def named(path: Path) -> Iterator[str]:
    yield path.stem
    yield path.parent.name
    for node in nodes(path):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name


def test_each_library_stays_in_its_home() -> None:
    foreign = {
        (NAMES[path], name)
        for path in MODULES
        for name in imports(path)
        if name not in sys.stdlib_module_names and name != "ivr"
    }

    strays = {(path, name) for path, name in foreign if not path.startswith(HOMES.get(name, ()))}

    assert strays == set()


def test_every_home_is_lived_in() -> None:
    used = {name for path in MODULES for name in imports(path)}

    assert set(HOMES) - used == set()


def test_no_name_hides_what_it_stands_for() -> None:
    vague = {
        (NAMES[path], name)
        for path in MODULES
        for name in named(path)
        if name not in NOT_OURS and words(name) & VAGUE
    }

    assert vague == set()


def test_every_folder_of_the_package_states_its_rule_and_nothing_else() -> None:
    rules = {folder: folder / "__init__.py" for folder in {path.parent for path in MODULES}}

    lacking = {NAMES.get(rule, folder) for folder, rule in rules.items() if not is_one_docstring(rule)}

    assert lacking == set()


def is_one_docstring(path: Path) -> bool:
    match tree(path).body if path.exists() else []:
        case [ast.Expr(value=ast.Constant(value=str()))]:
            return True
    return False


def test_no_test_patches_what_it_tests() -> None:
    patching = {(NAMES[path], patch) for path in TESTS for patch in patches(path)}

    assert patching == set()


def patches(path: Path) -> Iterator[str]:
    """Name what a file uses to put something else in the place of what it tests."""
    for node in nodes(path):
        match node:
            case ast.Name(id=name) if name in PATCHES:
                yield name
            case ast.ImportFrom(module=str(module)) if "mock" in module:
                yield module
            case ast.Attribute(value=ast.Name(id="monkeypatch"), attr="setattr"):
                yield "monkeypatch.setattr"


def test_no_file_of_the_product_silences_every_type() -> None:
    bare = re.compile(r"# type: ignore(?!\[)|# noqa(?!:)")

    assert [NAMES[path] for path in MODULES if bare.search(path.read_text("utf-8"))] == []
