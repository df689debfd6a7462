"""Persons' particulars: people.mdb, by national id.

Needed only where names, birth date or addresses of patients are asked for; a node may be without the file. Persons
stand in the same buckets as in the index, compressed bucket by bucket. Layout in docs/generation-format.md.
"""

from collections.abc import Iterator

import lmdb
import msgspec
import zstandard

from lookup import key
from lookup.record import Damaged
from lookup.tables import u32_key
from register.model import Person

PEOPLE = "people"
META = "meta"
META_KEY = b"people"
DICTIONARY_KEY = b"dictionary"
LEVEL = 1  # 3 takes an eighth more time for frames that are 0.7 % smaller
MAX_BUCKET_BYTES = 1 << 26  # what one frame may unpack to: far above any real bucket, far below what hurts


class PeopleMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What people.mdb says of itself (database `meta`, key `people`)."""

    format: str
    bits: int
    count: int


class Frames:
    """Packs and unpacks buckets of canonical lines as zstandard frames. Use from one thread at a time."""

    def __init__(self, dictionary: bytes) -> None:
        """`dictionary` is the one all frames of a generation share; empty when there is none."""
        shared = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=shared)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=shared)

    def encode(self, lines: bytes) -> bytes:
        """The frame of a bucket's lines, each ended by a line feed; its content size is given."""
        return self._compressor.compress(lines)

    def decode(self, frame: bytes) -> bytes:
        """The lines of a frame. Raises Damaged."""
        try:
            size = zstandard.frame_content_size(frame)
            if not 0 <= size <= MAX_BUCKET_BYTES:
                raise Damaged("a frame does not say how large it is, or is too large")
            return self._decompressor.decompress(frame)
        except zstandard.ZstdError:
            raise Damaged("a frame cannot be unpacked") from None


class People:
    """Read access to one people.mdb. One read transaction for life: use from one thread at a time."""

    def __init__(self, env: lmdb.Environment) -> None:
        """`env` is a people.mdb opened read-only with room for two databases. Raises Damaged."""
        self._env = env
        try:
            self._people = env.open_db(PEOPLE.encode(), create=False)
            meta_database = env.open_db(META.encode(), create=False)
        except lmdb.NotFoundError:
            raise Damaged("a database is missing in people.mdb") from None
        self._txn = env.begin()
        try:
            self.meta = msgspec.json.decode(self._txn.get(META_KEY, db=meta_database) or b"", type=PeopleMeta)
        except msgspec.DecodeError:
            raise Damaged("people.mdb does not say what it is") from None
        if not key.MIN_BITS <= self.meta.bits <= key.MAX_BITS:
            raise Damaged("people.mdb has an impossible number of buckets")
        self._frames = Frames(self._txn.get(DICTIONARY_KEY, db=meta_database) or b"")

    def person(self, nin: int) -> Person | None:
        """The particulars of the person whose newest number is `nin`, or None."""
        line = self.line(nin)
        try:
            return None if line is None else _decoder.decode(line)
        except msgspec.DecodeError:
            raise Damaged("a person's record is not of its type") from None

    def line(self, nin: int) -> bytes | None:
        """The canonical line of that person, as it stands."""
        bucket, _ = key.split(key.mix(nin), self.meta.bits)
        frame = self._txn.get(u32_key(bucket), db=self._people)
        if frame is None:
            return None
        start = b'{"nin":"%011d",' % nin  # a canonical line begins with its first member
        return next((line for line in self._frames.decode(frame).splitlines() if line.startswith(start)), None)

    def stored(self, bucket: int) -> bytes:
        """The frame of a bucket as it stands; empty where there is none."""
        return self._txn.get(u32_key(bucket), db=self._people) or b""

    def bucket(self, bucket: int) -> bytes:
        """The canonical lines of a bucket, each ended by a line feed; empty where there is none."""
        frame = self.stored(bucket)
        return self._frames.decode(frame) if frame else b""

    def lines(self) -> Iterator[bytes]:
        """The canonical lines of every bucket, by bucket."""
        return (self._frames.decode(frame) for _, frame in self._txn.cursor(self._people))


_decoder = msgspec.json.Decoder(Person)
