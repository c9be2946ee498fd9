"""Says why a module of handlers cannot be loaded: the file and line, and the imports that led there."""

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from service.domain.similar import did_you_mean

#: Frames of these files lead to the handler's module, and say nothing about its error.
_OWN = str(Path(__file__).resolve().parents[1])
#: The most lines of a chain: the innermost ones.
_MOST_FRAMES = 8


def why_not_imported(path: str, error: BaseException) -> str:
    """A sentence, and a line for each import on the way to the error."""
    if isinstance(error, ModuleNotFoundError) and error.name and f"{path}.".startswith(f"{error.name}."):
        return _no_module(path, error.name)
    word = _described(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        word += "; install it in this environment, or correct the name"
    lines = [f"{path} cannot be imported: {word}{'' if word.endswith('?') else '.'}"]
    lines += [f"  {place}" for place in _chain(error)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [f"  after {_described(cause)}", *(f"  {place}" for place in _chain(cause))]
    return "\n".join(lines)


def place_of(function: Callable[..., Any]) -> str:
    """The file and line of a function, or an empty text."""
    code = getattr(function, "__code__", None)
    return "" if code is None else f"{_short(code.co_filename)}:{code.co_firstlineno}"


def why_not_called(function: Callable[..., Any], error: Exception) -> str:
    """Why no JSON object can fill a function's parameters: the parameter, instead of pydantic's advice."""
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if name == "return" or isinstance(annotation, str):
            continue
        try:
            TypeAdapter(annotation).json_schema()
        except Exception:
            kind = getattr(annotation, "__qualname__", str(annotation))
            return (
                f"parameter {name} has type {kind}, which JSON cannot express;"
                " use JSON types, a dataclass or a pydantic model"
            )
    return str(error).partition("\n")[0]


def _described(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}".rstrip(".: ")


def _no_module(path: str, missing: str) -> str:
    here = Path.cwd()
    parent, _, last = missing.rpartition(".")
    folder = here / parent.replace(".", "/")
    names = [entry.stem for entry in _entries(folder) if entry.suffix == ".py" or entry.is_dir()]
    if last in names and str(here) not in (os.path.abspath(entry) for entry in sys.path):
        return (
            f"there is no module {path!r} on the import path, but the current folder has it:"
            " set PYTHONPATH=. to import from there."
        )
    close = did_you_mean(last, names)
    return f"there is no module {path!r} in the current folder ({here}) or on PYTHONPATH{close or '.'}"


def _entries(folder: Path) -> Iterable[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.stem.isidentifier()]
    except OSError:
        return []


def _chain(error: BaseException) -> list[str]:
    places = [
        f"{_short(frame.filename)}:{frame.lineno}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen", _OWN))
        and f"{os.sep}importlib{os.sep}" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        places.append(f"{_short(error.filename)}:{error.lineno}: {(error.text or '').strip()}")
    return places[-_MOST_FRAMES:]


def _short(file: str) -> str:
    """Relative to the current folder, if it is below that."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except ValueError:
        return file
