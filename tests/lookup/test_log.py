"""Nothing shaped like a national id leaves through the logs, whoever writes it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from register.ids import MASKED
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import logging, structlog, sys
from lookup.log import configure
configure()
log = structlog.get_logger()
nin = sys.argv[1]
log.info("an event", where=f"about {nin}", deep={"list": [nin, {nin: nin}]}, number=12, ready=True, none=None)
try:
    raise ValueError(nin)
except ValueError:
    log.exception("failed")
    logging.getLogger("uvicorn.error").exception("Exception about %s", nin)
logging.getLogger("uvicorn.error").info("not of interest")
"""


def events(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_text_is_masked() -> None:
    first, failed, foreign = events(tiny.ASSIGNED)
    assert tiny.ASSIGNED not in json.dumps([first, failed, foreign])
    assert first["where"] == f"about {MASKED}"
    assert first["deep"] == {"list": [MASKED, {MASKED: MASKED}]}
    assert (first["number"], first["ready"], first["none"]) == (12, True, None)
    assert f"ValueError: {MASKED}" in failed["exception"]
    assert f"ValueError: {MASKED}" in foreign["exception"]
    assert foreign["event"] == f"Exception about {MASKED}"


def test_an_event_has_a_level_and_a_time() -> None:
    for event, level in zip(events("nobody"), ("info", "error", "error"), strict=True):
        assert event["level"] == level
        assert event["timestamp"].endswith("Z")
