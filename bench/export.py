"""`GET /v1/contracts`, the whole country, beside nginx that serves the same octets from a file.

    python -m bench.export --data-dir DIR [--rounds 7] [--seconds 3] [--out FILE.json]

As it is and as gzip, without access control on either side. Both on the first processor, the generator on the last; the
rounds take turns. Throughput is what counts: the answers are of one size.
"""

import contextlib
import http.client
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.command import concluded, parser_of
from bench.compare import lines
from bench.contenders import PEERS, needed
from bench.generator import Prepared, Shape, write_requests
from bench.rounds import Contest, interleaved, processors, ratio, summary
from bench.servers import Ours, Server, free_port
from bench.staging import staged
from lookup.public_list import GZIP, IDENTITY, PublicList

PATH = "/v1/contracts"
CONNECTIONS = 4
OURS, NGINX = "ours", "nginx"


class NginxFile(Server):
    """nginx and one file, in a content coding."""

    def __init__(self, octets: bytes, coding: str, folder: Path, processor: int | None) -> None:
        at, port = folder / f"nginx-{coding}", free_port()
        (at / "v1").mkdir(parents=True)
        (at / "v1" / "contracts").write_bytes(octets)
        header = "" if coding == IDENTITY else f"add_header Content-Encoding {coding};"
        text = (PEERS / "nginx.conf").read_text().replace("@PORT@", str(port))
        text = text.replace("daemon off;", "daemon off; master_process off;")  # or its worker may not read our folder
        (at / "nginx.conf").write_text(text.replace('return 200 "@BODY@";', f"root {at}; sendfile on; {header}"))
        super().__init__(
            NGINX, [needed("nginx"), "-p", str(at), "-c", "nginx.conf", "-e", "stderr"], port, at, processor
        )


def asked(coding: str) -> bytes:
    """The request."""
    return f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\n\r\n".encode()


def check(server: Server, coding: str, octets: bytes) -> None:
    """See that it answers with these octets. Raises NoServer."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("GET", PATH, headers={"Accept-Encoding": coding})
        answer = connection.getresponse()
        if answer.read() != octets or answer.getheader("Content-Encoding", IDENTITY) != coding:
            raise server.fail("gave a wrong answer")


def measure(data_dir: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Start both, run the rounds, and tell."""
    processor, generator = processors()
    with staged(data_dir) as stage, contextlib.ExitStack() as stack:
        listed = PublicList((stage.served / "contracts.bin").read_bytes())
        ours = stack.enter_context(Ours(stage.data_dir, stage.room, processor))
        run: list[Contest] = []
        for coding in (GZIP, IDENTITY):
            octets = bytes(listed.whole(coding))
            nginx = stack.enter_context(NginxFile(octets, coding, stage.room, processor))
            requests = write_requests(stage.room / f"{coding}.requests", [Prepared(asked(coding), len(octets))])
            for server in (ours, nginx):
                check(server, coding, octets)
                run.append(Contest(coding, server, requests, Shape(connections=CONNECTIONS, seconds=seconds)))
        interleaved(run, rounds, generator)
    by_key = {contest.key: contest for contest in run}
    rows = [summary(contest, by_key[contest.case, NGINX]) for contest in run]
    bars = {f"{one}: ours / nginx": ratio(by_key[one, OURS], by_key[one, NGINX]) for one in (GZIP, IDENTITY)}
    sizes = {coding: len(listed.whole(coding)) for coding in (GZIP, IDENTITY)}
    return {"rounds": rounds, "seconds": seconds, "bytes": sizes, "rows": rows, "bars": bars}


def told(result: dict[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    yield f"octets: {result['bytes']}"
    yield from lines(result)


def main() -> int:
    """The command. Exits 1 when an answer was not as it should be."""
    parser = parser_of("the public list beside nginx with a file", rounds=7, seconds=3)
    args = parser.parse_args()
    return concluded(lambda: measure(args.data_dir, args.rounds, args.seconds), told, args.out)


if __name__ == "__main__":
    sys.exit(main())
