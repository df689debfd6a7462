"""GetPatientGPDetails over SOAP, beside nginx with a constant of the same size.

    python -m bench.soap --data-dir DIR [--rounds 7] [--seconds 3] [--sample 5000] [--out FILE.json]

SOAP 1.1 as CXF writes it, and 1.2 with addressing as .NET does, without access control on either side. Both on the
first processor, the generator on the last; the rounds take turns. Before, every person is asked about once by the
compiled path, and some by the ordinary one too, which must answer the same octets.
"""

import contextlib
import http.client
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.command import concluded, parser_of
from bench.compare import lines
from bench.contenders import Nginx
from bench.generator import Prepared, Shape, write_requests
from bench.prepared import Known, known
from bench.rounds import Contest, interleaved, processors, ratio, summary
from bench.servers import Ours, Server
from bench.staging import staged
from lookup.generation import open_generation
from lookup.soap.operations import ADDRESSING, ANONYMOUS, NAMESPACES, READ, SOAP11, SOAP12
from register.localtime import local_micros

OURS, NGINX = "ours", "nginx"
ALIKE = 200  # persons asked about by both paths
ACTION = READ.action("GetPatientGPDetails")
BODY = f'<GetPatientGPDetails xmlns="{READ.namespace}"><patientNin>@NIN@</patientNin></GetPatientGPDetails>'
HEADER = (
    f'<s:Header><a:Action s:mustUnderstand="1">{ACTION}</a:Action>'
    "<a:MessageID>urn:uuid:4bf92f35-77b3-4da6-a3ce-929d0e0e4736</a:MessageID>"
    f"<a:ReplyTo><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo>"
    '<a:To s:mustUnderstand="1">http://localhost/v2/flr</a:To></s:Header>'
)


class Case(NamedTuple):
    """A way to ask."""

    name: str
    path: str
    fields: dict[str, str]
    envelope: str

    def body(self, person: Known) -> bytes:
        """The envelope about a person."""
        return self.envelope.replace("@NIN@", person.nin).encode()

    def octets(self, person: Known) -> bytes:
        """The request about a person."""
        body = self.body(person)
        head = [
            f"POST {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            *(f"{name}: {one}" for name, one in self.fields.items()),
        ]
        return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


CASES = (
    Case(
        "SOAP 1.1",
        "/v2/flr/Basic",
        {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": f'"{ACTION}"', "Accept": "*/*"},
        f'<s:Envelope xmlns:s="{NAMESPACES[SOAP11]}"><s:Body>{BODY}</s:Body></s:Envelope>',
    ),
    Case(
        "SOAP 1.2, addressed",
        "/v2/flr",
        {"Content-Type": f'application/soap+xml; charset=utf-8; action="{ACTION}"'},
        f'<s:Envelope xmlns:s="{NAMESPACES[SOAP12]}" xmlns:a="{ADDRESSING}">{HEADER}'
        f"<s:Body>{BODY}</s:Body></s:Envelope>",
    ),
)


def answers(ours: Server, case: Case, persons: Sequence[Known], **more: str) -> Iterator[bytes]:
    """What is answered about each person. Raises NoServer for an answer that is none."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", ours.port, timeout=30)) as connection:
        for person in persons:
            connection.request("POST", case.path, case.body(person), case.fields | more)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status not in (200, 500) or b"Envelope" not in body:
                raise ours.fail("gave a wrong answer")
            yield body


def prepared(ours: Server, case: Case, persons: Sequence[Known]) -> list[Prepared]:
    """The requests, and how long their answers are. Raises NoServer when the two paths differ."""
    told = list(answers(ours, case, persons))
    if told[:ALIKE] != list(answers(ours, case, persons[:ALIKE], TE="trailers")):
        raise ours.fail("answers otherwise on the ordinary path")
    return [Prepared(case.octets(person), len(body)) for person, body in zip(persons, told, strict=True)]


def measure(data_dir: Path, rounds: int, seconds: float, sample: int) -> dict[str, Any]:
    """Start both, run the rounds, and tell."""
    processor, generator = processors()
    with staged(data_dir) as stage, contextlib.ExitStack() as stack:
        everybody = known(open_generation(stage.served), sample, 5, local_micros(time.time()))
        persons = [person for person in everybody if b'"status":"none"' not in person.body]  # those are faults
        ours = stack.enter_context(Ours(stage.data_dir, stage.room, processor))
        run: list[Contest] = []
        sizes = {}
        for case in CASES:
            asked = prepared(ours, case, persons)
            sizes[case.name] = round(statistics.mean(one.answer_bytes for one in asked))
            head, _ = ours.ask(asked[0].octets)
            nginx = stack.enter_context(Nginx(sizes[case.name] + len(head), stage.room / case.name, processor))
            constant = [Prepared(one.octets, nginx.body_bytes) for one in asked]
            for server, requests in ((ours, asked), (nginx, constant)):
                at = write_requests(stage.room / f"{server.name} {case.name}", requests)
                run.append(Contest(case.name, server, at, Shape(seconds=seconds)))
        interleaved(run, rounds, generator)
    by_key = {contest.key: contest for contest in run}
    rows = [summary(contest, by_key[contest.case, NGINX]) for contest in run]
    bars = {f"{case.name}: ours / nginx": ratio(by_key[case.name, OURS], by_key[case.name, NGINX]) for case in CASES}
    return {"rounds": rounds, "seconds": seconds, "bytes": sizes, "rows": rows, "bars": bars}


def told(result: dict[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    yield f"mean octets of an answer's body: {result['bytes']}"
    yield from lines(result)


def main() -> int:
    """The command. Exits 1 when an answer was not as it should be."""
    about = "GetPatientGPDetails beside nginx with a constant"
    parser = parser_of(about, rounds=7, seconds=3, sample=5000)
    args = parser.parse_args()
    return concluded(lambda: measure(args.data_dir, args.rounds, args.seconds, args.sample), told, args.out)


if __name__ == "__main__":
    sys.exit(main())
