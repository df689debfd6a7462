"""The compiled walk over LMDB files says of none that it is sound of which py-lmdb's verifier says that it is not."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest
from lmdb.verify import VerifyError, verify

from loader._fast.pages import is_sound
from tests.memory import guarded

PAGE = 4096
CASES = 180
HEADERS = (0, 8, 10, 12, 14)  # of a page: its number, padding, flags, the bounds of what is free in it


def fill(env: lmdb.Environment, values: int) -> None:
    """A small, a large and an empty database, with pages of all kinds."""
    many, large, empty = (env.open_db(name) for name in (b"many", b"large", b"empty"))
    with env.begin(write=True) as txn:
        for number in range(values):
            txn.put(number.to_bytes(4, "big"), bytes(number % 256 for _ in range(number % 300)), db=many)
        for number in range(8):
            txn.put(number.to_bytes(4, "big"), bytes(2000 * (number + 1)), db=large)
        txn.stat(empty)


def change(env: lmdb.Environment) -> None:
    """Pages come free, of more transactions than one."""
    many, large = env.open_db(b"many", create=False), env.open_db(b"large", create=False)
    for first in (0, 1, 2):
        with env.begin(write=True) as txn:
            for number in range(first, 1200, 3 + first):
                txn.delete(number.to_bytes(4, "big"), db=many)
            txn.put(first.to_bytes(4, "big"), bytes(30_000), db=large)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file that has been written to more than once: branches, leaves, large values, free pages."""
    path = tmp_path_factory.mktemp("pages") / "file.mdb"
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=8, map_size=1 << 26) as env:
        fill(env, 1500)
        change(env)
    return path.read_bytes()


def plain(path: Path, data: bytes) -> bool:
    """What the specification says."""
    path.write_bytes(data)
    try:
        return not verify(str(path), subdir=False)  # type: ignore[no-untyped-call]
    except VerifyError:
        return False


def test_a_file_of_all_kinds_of_pages_is_sound(tmp_path: Path, file: bytes) -> None:
    assert plain(tmp_path / "file.mdb", file)
    assert is_sound(file)
    flags = {int.from_bytes(file[at + 10 : at + 12], "little") for at in range(2 * PAGE, len(file), PAGE)}
    assert flags >= {1, 2, 4}


@pytest.mark.parametrize("values", [0, 1, 5, 40, 700])
def test_files_of_any_size(tmp_path: Path, values: int) -> None:
    with lmdb.open(str(tmp_path / "file.mdb"), subdir=False, lock=False, max_dbs=8, map_size=1 << 26) as env:
        fill(env, values)
        assert is_sound((tmp_path / "file.mdb").read_bytes())
        env.copy(str(tmp_path / "compact.mdb"), compact=True)
    assert is_sound((tmp_path / "compact.mdb").read_bytes())


def damages(file: bytes) -> Iterator[bytes]:
    """The file damaged at random, a little: in the headers of pages, in nodes, in what they lead to."""
    chance = random.Random(7)
    for number in range(CASES):
        data = bytearray(file)
        page = chance.randrange(len(file) // PAGE) * PAGE
        kind = number % 6
        if kind == 0:  # a number in a page's header, or in a meta page
            at = page + chance.choice(HEADERS) if chance.random() < 0.7 else chance.randrange(2) * PAGE + 16
            at += 0 if at % PAGE < 16 else chance.randrange(136)
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:  # an octet in what a page holds
            data[page + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
        elif kind == 2:  # two pages in each other's place
            other = chance.randrange(len(file) // PAGE) * PAGE
            data[page : page + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[page : page + PAGE]
        elif kind == 3:  # an older page, or another, in this one's place under this one's number
            other = chance.randrange(2, len(file) // PAGE) * PAGE
            data[page + 8 : page + PAGE] = file[other + 8 : other + PAGE]
        elif kind == 4:  # a place of a node, or the node that stands there
            at = page + 16 + 2 * chance.randrange(20)
            node = int.from_bytes(data[at : at + 2], "little")
            at = page + node + chance.randrange(8) if chance.random() < 0.7 and node < PAGE - 8 else at
            data[at] = chance.choice([0, 1, 2, 7, 8, 0xFF, chance.randrange(256)])
        else:  # cut short
            data = data[: chance.randrange(len(file))]
        yield bytes(data)


def test_whatever_is_called_sound_is_sound(tmp_path: Path, file: bytes) -> None:
    """In memory that ends where the file ends: whoever reads behind it dies."""
    found = dict.fromkeys([(True, True), (True, False), (False, True), (False, False)], 0)
    for number, data in enumerate(damages(file)):
        fast, slow = bool(data) and is_sound(guarded(data)), plain(tmp_path / "file.mdb", data)
        assert slow or not fast, f"damage {number} is called sound, and is not"
        found[fast, slow] += 1
    assert found[False, False] > CASES / 3
    assert found[True, True] > CASES / 20  # octets of values, and of free pages, are nobody's
    assert found[False, True] < CASES / 20


def field(file: bytearray, page: int, at: int, size: int, value: int) -> None:
    file[page * PAGE + at : page * PAGE + at + size] = value.to_bytes(size, "little")


def pages_of(file: bytes, kind: int) -> list[int]:
    """The pages with these flags that are under the newest root."""
    return [n for n in range(2, len(file) // PAGE) if int.from_bytes(file[n * PAGE + 10 :][:2], "little") == kind]


@pytest.mark.parametrize(("kind", "at", "size"), [(1, 0, 8), (2, 0, 8), (4, 0, 8), (1, 12, 2), (2, 14, 2), (4, 12, 4)])
def test_what_a_page_says_of_itself(tmp_path: Path, file: bytes, kind: int, at: int, size: int) -> None:
    """Of every page that is in use, the number and the bounds."""
    refused = 0
    for page in pages_of(file, kind)[:12]:
        data = bytearray(file)
        field(data, page, at, size, (1 << 8 * size) - 1)
        fast = is_sound(guarded(bytes(data)))
        assert fast == plain(tmp_path / "file.mdb", bytes(data))
        refused += not fast
    assert refused


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("kind", [1, 2])
def test_keys_that_are_not_in_order(tmp_path: Path, file: bytes, kind: int, twice: bool) -> None:
    """Two nodes in each other's place, or one of them there twice; in a branch not the first, which has no key."""
    refused = 0
    for page in pages_of(file, kind)[:8]:
        at = page * PAGE + 16 + 2 * (kind == 1)
        one, other = file[at : at + 2], file[at + 2 : at + 4]
        data = file[:at] + (other + other if twice else other + one) + file[at + 4 :]
        fast = is_sound(guarded(data))
        assert fast == plain(tmp_path / "file.mdb", data)
        refused += not fast
    assert refused


def test_a_key_that_begins_another(tmp_path: Path) -> None:
    path = tmp_path / "file.mdb"
    with (
        lmdb.open(str(path), subdir=False, lock=False, max_dbs=8, map_size=1 << 22) as env,
        env.begin(env.open_db(b"keys"), write=True) as txn,
    ):
        for size in range(1, 400):
            txn.put(b"k" * size, bytes(100))
    assert is_sound(guarded(path.read_bytes()))


def free_lists(file: bytes) -> list[tuple[int, int]]:
    """(place, pages) of the lists of free pages that stand in a leaf under the newest root."""
    meta = newest(file) * PAGE + 16
    root = int.from_bytes(file[meta + 24 + 40 :][:8], "little") * PAGE
    places = struct.unpack_from(f"<{(int.from_bytes(file[root + 12 :][:2], 'little') - 16) // 2}H", file, root + 16)
    return [(root + at + 16, int.from_bytes(file[root + at :][:2], "little") // 8 - 1) for at in places]


@pytest.mark.parametrize("what", ["out of order", "twice", "a page in use", "no page", "a count"])
def test_lists_of_free_pages(tmp_path: Path, file: bytes, what: str) -> None:
    place, pages = max(free_lists(file), key=lambda found: found[1])
    assert pages > 2
    data = bytearray(file)
    first, second = place + 8, place + 16
    if what == "out of order":
        data[first : first + 8], data[second : second + 8] = data[second : second + 8], data[first : first + 8]
    elif what == "a count":
        data[place] -= 1
    else:
        page = {"twice": int.from_bytes(data[second : second + 8], "little"), "a page in use": 0, "no page": 1 << 40}
        number = page[what] or next(n for n in pages_of(file, 4) if n > page["twice"])
        data[first : first + 8] = number.to_bytes(8, "little")
    assert not is_sound(guarded(bytes(data)))
    assert not plain(tmp_path / "file.mdb", bytes(data))


def test_a_page_that_two_lists_have(tmp_path: Path) -> None:
    """And none is lost for it: the file's last page, which was free, is no page of it any more."""
    path = tmp_path / "file.mdb"
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=8, map_size=1 << 24) as env:
        large = env.open_db(b"large")
        for key, size in ((b"a", 20_000), (b"b", 20_000), (b"c", 50_000)):
            with env.begin(large, write=True) as txn:
                txn.put(key, bytes(size))
        for key in (b"a", b"c"):
            with env.begin(large, write=True) as txn:
                txn.delete(key)
    data = bytearray(path.read_bytes())
    assert is_sound(guarded(bytes(data)))
    lists = {place: list(struct.unpack_from(f"<{pages}Q", data, place + 8)) for place, pages in free_lists(bytes(data))}
    last_at = newest(data) * PAGE + 16 + 120
    last = int.from_bytes(data[last_at : last_at + 8], "little")
    (place,) = (place for place, pages in lists.items() if pages[0] == last)
    other = next(pages for one, pages in lists.items() if one != place and pages)
    struct.pack_into(f"<{len(lists[place])}Q", data, place + 8, *sorted([*lists[place][1:], other[-1]], reverse=True))
    data[last_at : last_at + 8] = (last - 1).to_bytes(8, "little")
    assert not is_sound(guarded(bytes(data)))
    assert not plain(path, bytes(data))


def newest(file: bytes) -> int:
    """The meta page that counts."""
    return max((0, 1), key=lambda n: int.from_bytes(file[n * PAGE + 16 + 128 :][:8], "little"))


# of the records of the free pages and of the main database: flags, depth, pages of each kind, entries, root
COUNTS = [(start + at, size) for start in (24, 72) for at, size in ((6, 2), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8))]


@pytest.mark.parametrize(("at", "size"), [*COUNTS, (0, 4), (4, 4), (120, 8), (128, 8), (24, 4), (72, 4), (76, 2)])
@pytest.mark.parametrize("by", [1, -1])
def test_what_the_file_says_of_itself(tmp_path: Path, file: bytes, at: int, size: int, by: int) -> None:
    data = bytearray(file)
    page = newest(file)
    value = int.from_bytes(data[page * PAGE + 16 + at :][:size], "little")
    field(data, page, 16 + at, size, (value + by) % (1 << 8 * size))
    assert not is_sound(guarded(bytes(data)))
    if at not in (72, 76):  # which databases there are that are not known here
        assert not plain(tmp_path / "file.mdb", bytes(data))


def test_a_page_that_is_nobodys(tmp_path: Path, file: bytes) -> None:
    """Neither free nor under any root: as after a page that was forgotten."""
    data = bytearray(file)
    page = newest(file)
    last = int.from_bytes(data[page * PAGE + 16 + 120 :][:8], "little")
    data[(last + 1) * PAGE :] = bytes(PAGE)
    field(data, page, 16 + 120, 8, last + 1)
    assert not is_sound(guarded(bytes(data)))
    assert not plain(tmp_path / "file.mdb", bytes(data))


@pytest.mark.parametrize("flags", [{"dupsort": True}, {"reverse_key": True}, {"integerkey": True}])
def test_of_what_is_not_known_nothing_is_said(tmp_path: Path, flags: dict[str, bool]) -> None:
    path = tmp_path / "file.mdb"
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=8, map_size=1 << 20) as env:
        database = env.open_db(b"other", **flags)
        with env.begin(write=True) as txn:
            for n in range(3):
                txn.put(bytes([n] * 8), b"value", db=database)
    assert not is_sound(path.read_bytes())
    assert plain(path, path.read_bytes())


@pytest.mark.parametrize("size", [0, 1, 15, 16, 151, 152, PAGE, 2 * PAGE - 1, 2 * PAGE])
def test_next_to_nothing(file: bytes, size: int) -> None:
    assert not is_sound(guarded(file[:size]) if size else b"")
