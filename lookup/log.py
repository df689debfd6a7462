"""Structured logs: one JSON object a line on standard error, for events with a story. Numbers are metrics.

Promises that nothing shaped like a national id leaves through here, whoever wrote it: every text is masked,
tracebacks, warnings and the messages of libraries included, and what the interpreter itself would print.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from register.ids import mask
from register.secrecy import tell_uncaught


def masked(value: Any) -> Any:
    """`value` with every text in it masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {masked(key): masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value if isinstance(value, bool | int | float | None) else mask(str(value))


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: masked(value) for key, value in event.items()}


def configure() -> None:
    """Send our own events, and warnings and errors of libraries, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=shared,
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared[:-2],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared[-2:]],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    tell_uncaught(_tell)


def _tell(what: str, error: BaseException | None) -> None:
    structlog.get_logger().error(what, exc_info=error)
