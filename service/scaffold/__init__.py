"""`triage new`: writes a project with a handler, its test, and what it takes to deploy it."""

import keyword
import re
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from service.domain.errors import ConfigurationInvalid
from service.version import VERSION

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
#: Names of modules that would shadow others.
_TAKEN = frozenset({"service", "triage", "workers", "tests"}) | sys.stdlib_module_names
_SUFFIX = ".tmpl"


class ProjectRefused(ConfigurationInvalid):
    default_message = "The project cannot be created."


def create_project(name: str, parent: Path) -> tuple[Path, list[str]]:
    """Write the files into a new folder of `parent`; returns the folder and their paths.

    Raises ProjectRefused if the folder exists, or if the name cannot be a module's.
    """
    module = name.replace("-", "_")
    if _NAME.fullmatch(name) is None:
        raise ProjectRefused(
            f"{name!r} is not a project name: use lower-case letters, digits and hyphens, such as shop-jobs."
        )
    if module in _TAKEN or keyword.iskeyword(module):
        raise ProjectRefused(f"The module {module} would shadow Python's or Triage's: choose another name.")
    folder = parent / name
    try:
        folder.mkdir()
    except FileExistsError:
        raise ProjectRefused(f"{folder} already exists: choose another name, or remove it.") from None
    except OSError as error:
        raise ProjectRefused(f"{folder} cannot be created: {error.strerror}.") from None
    words = {"@name@": name, "@module@": module, "@version@": VERSION}
    return folder, sorted(_write(files(__name__) / "template", folder, words))


def _write(source: Traversable, folder: Path, words: dict[str, str]) -> list[str]:
    written: list[str] = []
    for entry in source.iterdir():
        name = _replaced(entry.name.removesuffix(_SUFFIX), words)
        if entry.is_dir():
            (folder / name).mkdir()
            written += [f"{name}/{path}" for path in _write(entry, folder / name, words)]
        elif entry.name.endswith(_SUFFIX):
            (folder / name).write_text(_replaced(entry.read_text(), words))
            written.append(name)
    return written


def _replaced(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
