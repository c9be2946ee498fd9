"""Error messages are attributes: `python -OO` removes docstrings, and problems still need their detail."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

import service
from service.api.responses.problems import STATUS
from service.domain.errors import TriageError

_DETAILS = """
from service.api.responses.errors import TooManyFailures
from service.api.responses.problems import STATUS, of_error
from service.domain.checks import SpecInvalid
from service.domain.errors import PayloadInvalid
from service.domain.flow import FlowInvalid

arguments = {TooManyFailures: (1,), PayloadInvalid: ([],), FlowInvalid: ("/jobs", "cycle", "It has a cycle.")}
arguments[SpecInvalid] = ("/name", "string_type", "must be a string")
for error in STATUS:
    raised = error(*arguments.get(error, ()))
    print(error.__name__, of_error(raised, "/", None)["detail"] == str(raised) != "")
"""


@pytest.mark.processes
def test_every_problem_has_its_detail_without_docstrings() -> None:
    run = subprocess.run(
        [sys.executable, "-OO", "-c", _DETAILS], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split("\n")[:-1] == [f"{error.__name__} True" for error in STATUS]


def _classes(error: type[TriageError]) -> Iterator[type[TriageError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _classes(subclass)


def test_every_class_of_error_has_its_own_message() -> None:
    for module in pkgutil.walk_packages(service.__path__, "service."):
        importlib.import_module(module.name)
    classes = list(_classes(TriageError))
    assert len(classes) > len(STATUS)
    assert [error for error in classes if "default_message" not in vars(error)] == []
