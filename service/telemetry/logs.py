"""Structured logs: one JSON object per line, without payloads or results."""

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

#: The fields of all lines about the current request or run: request_id, client, key_id, job_id, trace_id.
IDS: ContextVar[Mapping[str, str]] = ContextVar("ids")
#: The most lines per event, second and process; the next line has the number of the others.
LINES_PER_SECOND = 50
#: The most frames of a traceback: the innermost ones.
MAX_FRAMES = 15
#: Libraries that log errors of handlers and routes; lines of other libraries stay unchanged.
_GUARDED = frozenset({"asyncio", "uvicorn", "starlette", "fastapi", "arq"})
#: Libraries that log each request or job below warning.
_TALKATIVE = (*sorted(_GUARDED), "httpcore", "httpx", "multipart", "opentelemetry", "redis", "urllib3")


_level: Level = "debug"


def shows_debug() -> bool:
    """Whether debug lines are written; they are unless an entry point configured otherwise."""
    return _level == "debug"


def configure_logs(level: Level = "info", format: Format = "json") -> None:
    """Send the logs of Triage and of libraries to standard error; only entry points call it."""
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
    # arq's command line gives its logger a handler for plain text.
    logging.getLogger("arq").handlers.clear()
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def warnings_to_stderr() -> None:
    """For commands, whose standard output is for programs; entry points of processes configure all logs."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger("warning"),
            # Without a cache, so that it is the present stream.
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        )


def as_text(logger: Any, method: str, line: Line) -> str:
    """A line for developers on their own machine, followed by the traceback, if any."""
    time, level, event = line.pop("timestamp", ""), line.pop("level", ""), line.pop("event", "")
    block = "\n".join(str(line.pop(name)) for name in ("traceback", "exception") if line.get(name))
    frames = line.pop("frames", [])
    facts = " ".join(f"{name}={value}" for name, value in line.items())
    text = f"{str(time)[11:19]} {level:<8} {event} {facts}".rstrip()
    return "\n".join([text, *(f"  {row}" for row in [*frames, *block.rstrip().splitlines()])])


def client_address(scope: Mapping[str, Any]) -> str:
    """The client address of an ASGI request; uvicorn has applied the headers of trusted proxies."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def add_ids(logger: Any, method: str, line: Line) -> Line:
    """Add IDS to a line; the line's own fields take precedence."""
    return {**IDS.get({}), **line}


def without_message(logger: Any, method: str, line: Line) -> Line:
    """Reduce an exception to its type and frames, since its message may quote a payload."""
    given = line.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given is True else None
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        line["error_type"] = type(error).__qualname__
        line["frames"] = _frames(error)
    return line


def guard_libraries(logger: Any, method: str, line: Line) -> Line:
    """Keep only the first line of a library's message; asyncio quotes the exception of a task in the rest."""
    if str(line.get("logger", "")).partition(".")[0] in _GUARDED:
        line["event"] = str(line["event"]).partition("\n")[0]
        return without_message(logger, method, line)
    return line


class Sampler:
    """Limits lines per event, so that a failure that repeats thousands of times a second fills no disk."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Per event: the current second, its lines, and the lines omitted since the last one shown.
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
