"""The blocking half of the Python client: the asyncio half without `async` and `await`."""

import re
from pathlib import Path

ASYNC = Path(__file__).parent.parent / "clients/python/triage_client/_async"
#: What asyncio and blocking code do in different ways is written twice, by hand.
BY_HAND = {"io.py"}
HEAD = "# Written by `make generate` from triage_client/_async/{}: change that file.\n"
WORDS = {
    "async ": "",
    "await ": "",
    "_async": "_sync",
    "AsyncGenerator": "Generator",
    "AsyncIterator": "Iterator",
    "asynccontextmanager": "contextmanager",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "aclosing": "closing",
    "aclose": "close",
    "Awaitable[None]": "object",
    " Awaitable,": "",
    "anext(": "next(",
    "for asyncio": "for blocking code",
    "asyncio": "blocking",
}
_WORD = re.compile("|".join(re.escape(word) for word in WORDS) + r"|\bAsync(?=[A-Z])")


def client_sync(name: str) -> str:
    """The blocking module of this name, which may be in a folder."""
    text = (ASYNC / name).read_text()
    return HEAD.format(name) + _WORD.sub(lambda found: WORDS.get(found[0], ""), text)


def names() -> list[str]:
    found = (path.relative_to(ASYNC).as_posix() for path in ASYNC.rglob("*.py"))
    return sorted(name for name in found if name not in BY_HAND)
