"""One question by both HTTP paths: whatever its octets are, the answer is the same, octet for octet.

The ordinary path is taken by a field that the compiled one leaves alone. The questions are envelopes as the stacks of
today's consumers write them, and what becomes of those when somebody plays with them.
"""

import http.client
import random
from collections.abc import Iterator

import pytest

from lookup.soap.operations import READ, SOAP11, SOAP12
from tests.service import PATIENCE_SECONDS
from tests.soap import hamlet
from tests.soap.clients import MEDIA
from tests.soap.hamlet_served import HamletServed, basic
from tests.soap.writers import CONFIRM, DETAILS, PEOPLE, WRITERS, Writer, cxf, indented, played_with

PATHS = {version: path for path, version in READ.paths.items()}
QUESTIONS = 120


class Asking:
    """A client that asks the same by both paths, each question on a connection of its own."""

    def __init__(self, served: HamletServed, name: str) -> None:
        self.process, self.port, self.name = served.process, served.process.address["port"], name

    def handed_over(self) -> float:
        """How many connections the compiled path has handed over, this one too."""
        return self.process.metric("flr_handovers_total", Authorization=basic("operator"))

    def counted(self, name: str, **labels: str) -> float:
        """What is counted of this client."""
        labelled = ",".join(f'{label}="{value}"' for label, value in ({"client": self.name} | labels).items())
        return self.process.metric(f"{name}{{{labelled}}}", Authorization=basic("operator"))

    def ask(self, version: str, body: bytes, **fields: str) -> tuple[int, str | None, bytes]:
        """(status, content type, body) by the compiled path, where it takes the question."""
        return self._ask(
            PATHS[version], body, {"Content-Type": MEDIA[version], "Authorization": basic(self.name)} | fields
        )

    def answers(self, version: str, body: bytes, action: str | None = None) -> list[tuple[int, str | None, bytes]]:
        """What the compiled path answers, where it takes the question, and what the ordinary one answers."""
        fields = {"SOAPAction": f'"{action}"'} if version == SOAP11 and action is not None else {}
        return [self.ask(version, body, **fields), self.ask(version, body, **fields, TE="trailers")]

    def _ask(self, path: str, body: bytes, fields: dict[str, str]) -> tuple[int, str | None, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read()
        finally:
            connection.close()


@pytest.fixture
def nav(hamlet_served: HamletServed) -> Iterator[Asking]:
    """One of the clients, and that the service answers on."""
    asking = Asking(hamlet_served, "nav")
    yield asking
    for status, _, body in asking.answers(SOAP11, cxf(SOAP11, hamlet.ON_ALONE).encode()):
        assert (status, b"4001</GPHerId>" in body) == (200, True)


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize("writer", WRITERS)
def test_each_kind_of_patient_as_each_stack_asks(nav: Asking, writer: Writer, version: str) -> None:
    seen = set()
    before = nav.handed_over()
    for nin in PEOPLE:
        hot, ordinary = nav.answers(version, writer(version, nin).encode())
        assert hot == ordinary
        seen.add((hot[0], b"GenericFault>" in hot[2]))
    assert seen == {(200, False), (500, True)}
    assert nav.handed_over() - before == len(PEOPLE) + 1  # those of the ordinary path, and the metrics


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_protected_person_is_withheld_by_both(hamlet_served: HamletServed, version: str) -> None:
    asking = Asking(hamlet_served, "nav-without-the-right")
    for writer in WRITERS:
        hot, ordinary = asking.answers(version, writer(version, hamlet.PROTECTED).encode())
        assert hot == ordinary
        assert (hot[0], b"GenericFault" in hot[2], b"GPHerId" in hot[2]) == (500, False, False)


@pytest.mark.parametrize("action", [None, "", DETAILS, CONFIRM, "urn:other", DETAILS.upper(), f"{DETAILS} "])
def test_an_action_in_the_head(nav: Asking, action: str | None) -> None:
    for writer in WRITERS:
        hot, ordinary = nav.answers(SOAP11, writer(SOAP11, hamlet.ON_ALONE).encode(), action)
        assert hot == ordinary
        asked = CONFIRM if writer is indented else DETAILS
        fits = (action or asked) == asked
        assert (hot[0], b"GenericFault>" in hot[2]) == (200 if fits else 500, False)


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_who_may_not_ask_this(hamlet_served: HamletServed, version: str) -> None:
    asking = Asking(hamlet_served, "ks")
    for writer, status in ((cxf, 200), (indented, 403)):
        hot, ordinary = asking.answers(version, writer(version, hamlet.ON_ALONE).encode())
        assert hot == ordinary
        assert hot[0] == status


def test_a_refusal_is_counted_once(hamlet_served: HamletServed) -> None:
    """The compiled path finds that somebody asks too much, and lets the ordinary one say so."""
    asking = Asking(hamlet_served, "slow")
    question = cxf(SOAP11, hamlet.ON_ALONE).encode()
    statuses = [asking.ask(SOAP11, question)[0] for _ in range(20)]
    assert set(statuses) == {200, 429}
    assert asking.counted("flr_client_requests_total") == 20
    assert asking.counted("flr_client_refused_total", reason="requests") == statuses.count(429)
    assert asking.counted("flr_client_numbers_today") == statuses.count(200)


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_who_is_not_known(hamlet_served: HamletServed, version: str) -> None:
    hot, ordinary = Asking(hamlet_served, "nobody-at-all").answers(version, cxf(version, hamlet.ON_ALONE).encode())
    assert hot == ordinary
    assert hot[0] == 401


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_question_that_somebody_has_played_with(nav: Asking, writer: Writer, version: str) -> None:
    chance = random.Random(f"{version} {WRITERS.index(writer)}")
    answered = 0
    for _ in range(QUESTIONS):
        hot, ordinary = nav.answers(version, played_with(writer(version, chance.choice(PEOPLE)), chance).encode())
        assert hot == ordinary
        answered += hot[0] == 200
    assert QUESTIONS // 10 < answered < QUESTIONS // 2
