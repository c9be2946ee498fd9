"""Redis bytes stay in service/store/codec; the layers above see domain values."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: These modules work with Redis itself, or encode cursors in base64.
EXEMPT = ("service/store/codec/", "service/store/redis/", "service/store/cursors.py")


def found(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="decode"), args=[]):
                yield f"line {node.lineno}: .decode()"
            case (
                ast.Subscript(slice=ast.Constant(value=bytes()))
                | ast.Compare(comparators=[ast.Constant(value=bytes())])
            ):
                yield f"line {node.lineno}: a name in bytes"
            case ast.Subscript(
                value=ast.Name(id="Mapping" | "dict"), slice=ast.Tuple(elts=[ast.Name(id="bytes"), _])
            ):
                yield f"line {node.lineno}: a hash of bytes"
            case _:
                pass


def test_the_check_finds_bytes() -> None:
    source = 'a = reply.decode()\nb = fields[b"state"]\nc = word == b"moved"\nd: Mapping[bytes, bytes]\n'
    assert len(list(found(source))) == 4
    assert list(found('payload: bytes = b"{}"')) == []


def test_bytes_of_redis_end_in_the_codec() -> None:
    paths = {str(path.relative_to(ROOT)): path for path in (ROOT / "service/store").rglob("*.py")}
    above = {name: path for name, path in paths.items() if not name.startswith(EXEMPT)}
    assert len(above) > 20
    assert {name: rows for name, path in above.items() if (rows := list(found(path.read_text())))} == {}
