"""Structured logs: one JSON object per line, ids and words, never payloads or results."""

import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]
Line = MutableMapping[str, Any]

#: What every line about the request or the run at hand carries: request_id, client, key_id, job_id, trace_id.
IDS: ContextVar[Mapping[str, str]] = ContextVar("ids")
#: Lines of one event per second and process; the rest are counted on the next line.
LINES_PER_SECOND = 50
#: Frames of a traceback: the innermost ones.
MAX_FRAMES = 15
#: Libraries that log what failed in a handler or a route; everybody else's lines are theirs to word.
_GUARDED = frozenset({"asyncio", "uvicorn", "starlette", "fastapi", "arq"})
#: Libraries that describe each request or job in lines below warning.
_TALKATIVE = (*sorted(_GUARDED), "httpcore", "httpx", "multipart", "opentelemetry", "redis", "urllib3")


_level: Level = "debug"


def shows_debug() -> bool:
    """Whether lines of the level debug are written: as long as no main says otherwise."""
    return _level == "debug"


def configure_logs(level: Level = "info", format: Format = "json") -> None:
    """Send Triage's and the libraries' logs to standard error; called by the mains only."""
    global _level
    _level = level
    shared: list[structlog.typing.Processor] = [
        add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: structlog.typing.Processor = as_text if format == "text" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[Sampler(time.monotonic), *shared, without_message, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                guard_libraries,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                render,
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    # arq's own command line gives its logger a handler that writes plain text.
    logging.getLogger("arq").handlers.clear()
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def as_text(logger: Any, method: str, line: Line) -> str:
    """A line for people on their own machine, and below it what failed, in as many lines as that has."""
    time, level, event = line.pop("timestamp", ""), line.pop("level", ""), line.pop("event", "")
    block = "\n".join(str(line.pop(name)) for name in ("traceback", "exception") if line.get(name))
    frames = line.pop("frames", [])
    facts = " ".join(f"{name}={value}" for name, value in line.items())
    text = f"{str(time)[11:19]} {level:<8} {event} {facts}".rstrip()
    return "\n".join([text, *(f"  {row}" for row in [*frames, *block.rstrip().splitlines()])])


def client_address(scope: Mapping[str, Any]) -> str:
    """Of an ASGI request: what uvicorn has made of the headers of proxies that it trusts."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def add_ids(logger: Any, method: str, line: Line) -> Line:
    """What a line says of itself wins."""
    return {**IDS.get({}), **line}


def without_message(logger: Any, method: str, line: Line) -> Line:
    """An exception as its type and where it happened: its message may quote a payload."""
    given = line.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given is True else None
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        line["error_type"] = type(error).__qualname__
        line["frames"] = _frames(error)
    return line


def guard_libraries(logger: Any, method: str, line: Line) -> Line:
    """asyncio describes a failed task, its exception included, from the second line on."""
    if str(line.get("logger", "")).partition(".")[0] in _GUARDED:
        line["event"] = str(line["event"]).partition("\n")[0]
        return without_message(logger, method, line)
    return line


class Sampler:
    """Keeps a failure that happens ten thousand times a second from filling a disk."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Per event: the second that is counted, its lines, and those left out since the last one shown.
        self._counts: dict[str, tuple[int, int, int]] = {}

    def __call__(self, logger: Any, method: str, line: Line) -> Line:
        event, now = line["event"], int(self._clock())
        second, shown, omitted = self._counts.get(event, (now, 0, 0))
        if second != now:
            second, shown = now, 0
        if shown >= LINES_PER_SECOND:
            self._counts[event] = (second, shown, omitted + 1)
            raise structlog.DropEvent
        self._counts[event] = (second, shown + 1, 0)
        return {**line, "omitted": omitted} if omitted else line


def _frames(error: BaseException) -> list[str]:
    frames: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    return frames[-MAX_FRAMES:]
