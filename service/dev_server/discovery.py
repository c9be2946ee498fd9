"""Finds the modules of the current folder that define handlers, without importing them."""

import ast
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Folders that hold no handlers of the project. Hidden folders and virtual environments are skipped as well.
_SKIPPED = frozenset({"build", "dist", "docs", "node_modules", "site-packages", "test", "tests"})
_NOT_MODULES = re.compile(r"(test_.*|.*_test|conftest|setup|__main__)\.py")
#: Triage's own checkout, where only modules next to the README are the user's.
_CHECKOUT = Path(__file__).resolve().parents[2]
#: Limits of the search: levels of folders, files in total, and bytes of a file.
_MAX_DEPTH, _MAX_FILES, _MAX_BYTES = 4, 2_000, 262_144
#: What a file must contain to be worth parsing.
_HINT = re.compile(rb"\btriage\b|\bworkers\.handler\b|\bWorkerSettings\b")
#: A handler in a file with a syntax error: the worker reports it.
_DECORATED = re.compile(rb"^@(job|triage\.job)\b|^class WorkerSettings\b", re.MULTILINE)
_MODULES = ("triage", "workers.handler")


@dataclass(frozen=True, slots=True)
class Found:
    """Import paths of modules with handlers, and the folders to add to the import path."""

    modules: tuple[str, ...]
    import_folders: tuple[str, ...]


def find_handlers(folder: Path) -> Found:
    """Search a folder, and its `src` as another root of modules."""
    modules: list[str] = []
    roots: list[str] = []
    inner = folder / "src"
    for root in (inner, folder) if inner.is_dir() else (folder,):
        found = [
            name
            for path in source_files(root)
            if (root == inner or inner not in path.parents)
            and (name := _module_name(root, path)) is not None
            and _defines_handlers(path)
        ]
        modules += found
        if found and root == inner:
            roots.append(str(inner))
    return Found(tuple(sorted(set(modules))), tuple(roots))


def source_files(root: Path) -> Iterator[Path]:
    """The Python files of a project, at most 2,000."""
    left = _MAX_FILES
    for folder in source_folders(root):
        for entry in sorted(_entries(folder)):
            if entry.suffix == ".py" and entry.is_file():
                left -= 1
                if left < 0:
                    return
                yield entry


def source_folders(root: Path) -> list[Path]:
    """The folders in which a project may have Python files."""
    found: list[Path] = []
    pending = [(root, 0)]
    while pending:
        folder, depth = pending.pop(0)
        found.append(folder)
        if depth == _MAX_DEPTH or folder == _CHECKOUT:
            continue
        pending += [
            (entry, depth + 1)
            for entry in sorted(_entries(folder))
            if entry.is_dir()
            and not entry.is_symlink()
            and entry.name.isidentifier()
            and entry.name not in _SKIPPED
            and not entry.name.startswith("__")
            and not (entry / "pyvenv.cfg").exists()
        ]
    return found


def _entries(folder: Path) -> Sequence[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:
        return []


def _module_name(root: Path, path: Path) -> str | None:
    if _NOT_MODULES.fullmatch(path.name):
        return None
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _defines_handlers(path: Path) -> bool:
    try:
        text = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
    except OSError:
        return False
    if _HINT.search(text) is None:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return _DECORATED.search(text) is not None
    decorators = _names_of_job(tree)
    return any(
        (isinstance(node, ast.ClassDef) and node.name == "WorkerSettings")
        or (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and any(_dotted(decorator) in decorators for decorator in node.decorator_list)
        )
        for node in tree.body
    )


def _names_of_job(tree: ast.Module) -> set[str]:
    """What the module calls Triage's decorator."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in _MODULES:
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "job"}
        elif isinstance(node, ast.Import):
            names |= {f"{alias.asname or alias.name}.job" for alias in node.names if alias.name in _MODULES}
    return names


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
