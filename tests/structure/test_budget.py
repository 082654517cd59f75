"""Structure budget: modules ≤ 300 code lines, functions ≤ 50, ≤ 6 parameters; exceptions in budget.toml."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUDGET = tomllib.loads((Path(__file__).parent / "budget.toml").read_text())
MODULES = sorted(path for package in ("aimx", "aimx_tui") for path in (ROOT / package).rglob("*.py"))
LIMITS = {"modules": 300, "functions": 50, "parameters": 6}
PURE = ("model", "wire", "smtp", "mime", "mailauth", "policy")


def _code_lines(path: Path) -> int:
    tree = ast.parse(path.read_text())
    docs = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node, clean=False) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(path.read_text().splitlines(), 1)
    return sum(1 for number, text in lines if number not in docs and text.strip() and not text.strip().startswith("#"))


def _functions(tree: ast.AST, prefix: str = ""):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _measured(path: Path):
    """What the budget bounds in one module: table, key, number."""
    name = str(path.relative_to(ROOT))
    yield "modules", name, _code_lines(path)
    for function, node in _functions(ast.parse(path.read_text())):
        yield "functions", f"{name}:{function}", (node.end_lineno or 0) - node.lineno + 1
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        yield "parameters", f"{name}:{function}", len([a for a in arguments if a.arg not in ("self", "cls")])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_small_and_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "a module starts with what it does"
    for table, key, number in _measured(path):
        assert number <= LIMITS[table] or key in BUDGET[table], key


@pytest.mark.parametrize("path", [p for p in MODULES if p.relative_to(ROOT).parts[1] in PURE], ids=str)
def test_core_names_paths_only_as_values(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
            assert {alias.name for alias in node.names} <= {"PurePath", "PurePosixPath"}
        if isinstance(node, ast.Import):
            assert "pathlib" not in {alias.name for alias in node.names}


def test_every_exception_has_a_reason_and_is_still_needed():
    over = {(table, key) for path in MODULES for table, key, number in _measured(path) if number > LIMITS[table]}
    assert {(table, key) for table, exceptions in BUDGET.items() for key in exceptions} == over
    assert all(reason for exceptions in BUDGET.values() for reason in exceptions.values())
