"""The exceptions of the Python client, one for each code of the API's problems."""

import textwrap
from collections.abc import Mapping

HEAD = '''"""One exception for each code of the API. Written by `make generate`."""

from collections.abc import Mapping

from triage_client.errors import ApiError
'''


def client_problems(texts: Mapping[str, str]) -> str:
    """`texts` has a sentence for each code."""
    names = {code: class_name(code) for code in sorted(texts)}
    parts = [
        HEAD,
        _listed("__all__ = [", [f'"{name}",' for name in sorted([*names.values(), "BY_CODE"])], "]"),
    ]
    for code, name in names.items():
        parts.append("\n".join([f"class {name}(ApiError):", *_docstring(f"`{code}`: {texts[code]}")]) + "\n")
    rows = [f'"{code}": {name},' for code, name in names.items()]
    parts.append(_listed("BY_CODE: Mapping[str, type[ApiError]] = {", rows, "}"))
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def class_name(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("_"))


def _listed(head: str, rows: list[str], end: str) -> str:
    return "\n".join([head, *(f"    {row}" for row in rows), end]) + "\n"


def _docstring(text: str) -> list[str]:
    lines = textwrap.wrap(text, 100)
    if len(lines) == 1:
        return [f'    """{lines[0]}"""']
    return [f'    """{lines[0]}', *(f"    {line}" for line in lines[1:]), '    """']
