"""The compiled connection under every order of events: pieces, clients that do not read, turns, ends and hang-ups."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookup._fast.desk import Tail
from lookup.canonical import Head, read_head
from lookup.core import SoapParts
from lookup.front import MAX_LISTS
from lookup.generation import Generation, open_generation
from lookup.soap_parts import Part, encode_parts
from register.localtime import FOREVER
from tests.lookup import village
from tests.lookup.test_soap_parts import file_of
from tests.lookup.wires import request
from tests.wire.cases import case, pieces
from tests.wire.judge import PLAIN, meant, messages
from tests.wire.loopless import LooplessFront, crooked, straight

SEED = 20261125
LOOKUP = request("/v1/gp-lookup", {"nin": village.LISTED})
HER = request("/v1/her/4000001")
LIST = request("/v1/contracts")
BATCH = request("/v1/gp-lookup/batch", {"nins": [village.LISTED] * 1000})


def answered(stream: bytes) -> list[int]:
    """Where the messages end that are answered here: those that are accepted, but for one that asks about no time."""
    ends = []
    for one in messages(stream, PLAIN):
        if not one.accepted or (one.question and one.question.at is not None and meant(one.question.at) is None):
            break
        ends.append(one.end)
    return ends


@pytest.fixture(scope="module")
def front(village_folder: Path) -> LooplessFront:
    """Over the village, with a part for each of its lists, so that what is asked over SOAP is answered, too."""
    generation = open_generation(village_folder)
    part = Part(0, FOREVER, None, False, b"<DoctorCycles/>", b"<GPContract/>")
    slots = village.SLOTS.values()
    generation.soap = SoapParts(file_of({slot: encode_parts(slot, [part]) for slot in slots}, len(slots)))
    return LooplessFront(generation)


@pytest.fixture(autouse=True)
def nothing_is_left(front: LooplessFront) -> Iterator[None]:
    yield
    assert not front.turns
    assert front.desk.buffered == 0
    assert len(front.members) == 0


@pytest.mark.parametrize("start", range(0, 1000, 100))
def test_any_stream_in_any_order_of_events(front: LooplessFront, start: int) -> None:
    for number in range(start, start + 100):
        chance, stream = random.Random(number), case(SEED, number).stream
        if number % 5 == 0:
            stream = BATCH + stream + BATCH + stream
        whole = straight(front, stream)
        assert whole.answers.count(b"HTTP/1.1 ") == len(answered(stream))
        assert crooked(front, pieces(stream, chance), chance) == whole


def is_cut_body(rest: bytes) -> bool:
    """Whether this is a canonical head, and less of a body than it says: nobody is to be told anything of that."""
    head = read_head(rest)
    return isinstance(head, Head) and len(rest) < head.size + head.length


def test_what_is_not_answered_is_handed_over_octet_for_octet(front: LooplessFront) -> None:
    for number in range(300):
        stream = LOOKUP + case(SEED, number).stream
        whole = straight(front, stream)
        rest = stream[answered(stream)[-1] :]
        assert whole.handed == (b"" if is_cut_body(rest) else rest)
        assert whole.half_closed is bool(whole.handed)


def test_a_client_that_hangs_up_while_much_of_what_it_sent_waits(front: LooplessFront) -> None:
    """Answers of more than goes out at a time, from octets that were kept: the first that fails is the last."""
    transport = front.connect(with_socket=True)
    transport.protocol.data_received(BATCH + LOOKUP * 2000)
    while not transport.held.endswith(b"]}"):
        transport.take() if transport.blocked else front.turns.popleft()()
    transport.hang_up()
    transport.take()
    assert transport.aborted
    front.leave(transport)


def test_what_is_written_and_not_sent_is_never_sent_to_another(
    front: LooplessFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails between an answer and its sending: the next connection hears its own answer and no other."""

    def fail(turn: object) -> None:
        raise RuntimeError

    broken, other = front.connect(), front.connect()
    with monkeypatch.context() as patch:
        patch.setattr(front, "call_soon", fail)
        with pytest.raises(RuntimeError):
            broken.protocol.data_received(LOOKUP + BATCH)
    other.protocol.data_received(HER)
    assert other.out.count(b"HTTP/1.1 ") == 1
    for transport in (broken, other):
        front.leave(transport)


@pytest.fixture
def body(front: LooplessFront, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A list of 700 kB, somewhere in a file."""
    octets, path = random.Random(SEED).randbytes(700_000), tmp_path / "list"
    path.write_bytes(b"before" + octets + b"behind")
    with path.open("rb") as file:
        tail = Tail(memoryview(octets), file=file.fileno(), begin=6)
        monkeypatch.setattr(front, "contracts", lambda *_: (b"x: y\r\n", tail))
        yield octets


def test_what_lies_in_a_file_is_sent_whole_between_the_answers_around_it(front: LooplessFront, body: bytes) -> None:
    stream = LOOKUP + LIST + HER + LIST + LIST + LOOKUP + LIST
    whole = straight(front, stream)
    assert whole.answers.count(b"\r\nx: y\r\n\r\n" + body) == 4
    for seed in range(30):
        chance = random.Random(seed)
        assert crooked(front, pieces(stream, chance), chance) == whole


@pytest.mark.usefixtures("body")
def test_a_client_that_hangs_up_within_what_lies_in_a_file(front: LooplessFront) -> None:
    transport = front.connect(with_socket=True)
    transport.protocol.data_received(LIST + LOOKUP)
    assert transport.blocked
    transport.hang_up()
    transport.take()
    front.turns.popleft()()
    assert transport.aborted
    front.leave(transport)


@pytest.mark.usefixtures("body")
def test_whoever_asks_for_many_lists_at_once_has_one_a_turn(front: LooplessFront) -> None:
    transport = front.connect()
    transport.protocol.data_received(LIST * 20 + LOOKUP)
    for turn in range(1, 21):
        assert transport.out.count(b"HTTP/1.1 ") == turn
        (go_on,) = front.turns
        front.turns.clear()
        go_on()
    assert transport.out.count(b"HTTP/1.1 ") == 21
    front.leave(transport)


def test_a_list_too_long_to_be_sent_at_once_is_handed_over(
    front: LooplessFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = straight(front, LIST)
    _, _, body = whole.answers.partition(b"\r\n\r\n")
    for most, handed in ((len(body), b""), (len(body) - 1, LIST)):
        monkeypatch.setattr("lookup.front.CHUNK_BYTES", most)
        front.follow(front.desk.book.generation)  # what it remembers is forgotten
        assert straight(front, LIST).handed == handed


def test_however_many_ways_there_are_to_ask_for_the_list_few_are_remembered(front: LooplessFront) -> None:
    for number in range(3 * MAX_LISTS):
        assert straight(front, request("/v1/contracts", None, f"Accept-Encoding: x{number}")).answers
        assert len(front._lists) <= MAX_LISTS


CLOSES = b"\r\nconnection: close\r\n"


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("way", ["draining", "finishing"])
def test_a_connection_ends_behind_the_answer_that_says_so_and_behind_no_other(
    opened: Generation, way: str, more: bool
) -> None:
    """Whichever turn of a large batch the end comes in, and whether or not another question waits behind it."""
    said = []
    for at in range(40):
        front = LooplessFront(opened)
        transport = front.connect()
        transport.protocol.data_received(BATCH + LOOKUP if more else BATCH)
        turns = 0
        while front.turns:
            if turns == at:
                front.drain() if way == "draining" else transport.protocol.finish(0.0)
            front.turns.popleft()()
            turns += 1
        if at >= turns:
            break
        last = bytes(transport.out).rpartition(b"HTTP/1.1 200 OK\r\n")[2]
        assert transport.ended is (CLOSES in last)
        assert transport.out.count(CLOSES) <= 1
        said.append(transport.ended)
        front.leave(transport)
    assert set(said) == ({True} if more else {True, False})
