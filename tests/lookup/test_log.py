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


EVERY_WAY_OUT = """
import asyncio, gc, sys, threading, warnings
import uvloop
from lookup.log import configure
configure()
nin = sys.argv[1]

class Ill:
    def __del__(self):
        raise ValueError(nin)

def fail():
    raise ValueError(nin)

async def fail_alone():
    fail()

async def main():
    loop = asyncio.get_running_loop()
    loop.call_soon(fail)
    forgotten = loop.create_task(fail_alone())
    await asyncio.sleep(0.01)
    del forgotten
    gc.collect()
    server = await loop.create_server(lambda: IllProtocol(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(nin.encode())
    await reader.read()
    writer.close()
    server.close()

class IllProtocol(asyncio.Protocol):
    def data_received(self, data):
        raise ValueError(data.decode())

uvloop.run(main())
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Ill()
warnings.warn(nin)
fail()
"""


def test_nothing_comes_out_past_the_log() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", EVERY_WAY_OUT, tiny.ASSIGNED],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert tiny.ASSIGNED not in done.stderr
    assert [MASKED in json.dumps(event) for event in told] == [True] * len(told)
    words = ("Exception in callback", "never retrieved", "Fatal error", "in a thread", "nobody can be told", "Warning")
    for expected in (*words, "uncaught error"):
        assert any(expected in event["event"] for event in told), expected
