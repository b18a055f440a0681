"""The house: which way imports run, and what is imported before the first paint."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_after(code: str) -> set[str]:
    """The names in sys.modules after running code in a fresh interpreter."""
    script = f"import sys\n{code}\nprint('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def all_modules(package: str) -> str:
    """Code that imports every module of a package."""
    return (
        f"import importlib, pkgutil, {package}\n"
        f"for m in pkgutil.walk_packages({package}.__path__, '{package}.'): importlib.import_module(m.name)"
    )


@pytest.mark.parametrize(("package", "foreign"), [("index", ("engine", "tui", "textual", "rich")), ("engine", ("tui", "textual", "rich"))])
def test_arrows_run_one_way(package: str, foreign: tuple[str, ...]) -> None:
    loaded = modules_after(all_modules(package))
    assert package in loaded
    assert not {name for name in loaded if name.split(".")[0] in foreign}


@pytest.mark.parametrize("package", ["engine", "index"])
def test_heavy_libraries_are_imported_when_first_needed(package: str) -> None:
    loaded = modules_after(all_modules(package))
    assert not {name for name in loaded if name.split(".")[0] in ("kubernetes", "ollama", "httpx", "fastapi", "starlette", "uvicorn")}
    if package == "engine":
        assert "whoosh" not in loaded


def test_the_version_imports_almost_nothing() -> None:
    loaded = modules_after("from tui.cli.main import main; main(['--version'])")
    heavy = {"textual", "rich", "kubernetes", "ollama", "whoosh", "yaml", "msgspec", "argparse", "httpx"}
    assert not {name.split(".")[0] for name in loaded} & heavy


def test_the_screen_is_imported_without_cluster_model_or_index() -> None:
    loaded = modules_after("import tui.app.app")
    assert not {name.split(".")[0] for name in loaded} & {"kubernetes", "ollama", "whoosh", "httpx"}


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("engine/cluster", ("engine.commands", "engine.flows", "engine.agent.agent", "engine.analyzers", "engine.llm", "engine.core.run")),
        ("engine/commands", ("engine.flows", "engine.agent.agent", "engine.analyzers", "engine.llm", "engine.core.run")),
        (
            "engine/analyzers",
            ("engine.flows", "engine.agent.agent", "engine.commands", "engine.llm", "engine.core.run", "engine.flows.answering.compose"),
        ),
        ("engine/llm", ("engine.flows", "engine.agent.agent", "engine.commands", "engine.analyzers", "engine.cluster", "engine.core.run")),
        ("engine/hosts", ("engine.flows", "engine.agent.agent", "engine.llm", "engine.core.run")),
        ("engine/flows", ("engine.agent.agent", "tui")),
    ],
)
def test_no_arrow_runs_up_inside_the_engine(lower: str, upper: tuple[str, ...]) -> None:
    import ast

    for path in (ROOT / lower).rglob("*.py"):
        tree = ast.parse(path.read_text())
        guarded = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in guarded:
                continue
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not any(name == bad or name.startswith(bad + ".") for bad in upper), f"{path.relative_to(ROOT)} imports {name}"


def test_the_rest_door_stands_above_the_agent_and_only_serve_goes_through_it() -> None:
    import ast

    for path in (path for package in ("engine", "tui") for path in (ROOT / package).rglob("*.py")):
        where = path.relative_to(ROOT)
        if where.is_relative_to("engine/api") or where == Path("tui/cli/serve.py"):
            continue
        names = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if name.startswith("engine.api")], where


def test_a_command_that_does_not_serve_imports_nothing_of_the_rest_door() -> None:
    loaded = modules_after("from tui.cli.main import main; main(['policy', 'kubectl get pods'])")
    assert not {name for name in loaded if name.split(".")[0] in ("fastapi", "starlette", "uvicorn", "pydantic") or "engine.api" in name}


def test_every_package_says_what_belongs_there() -> None:
    import ast

    for package in ("tui", "engine", "index"):
        doc = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
        assert doc, package
        assert len(doc) > 80, package
