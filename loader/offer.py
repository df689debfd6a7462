"""What a store of generations offers: `newest.json`, a list of names, newest first; and where a generation's files are.

A generation is `gen/<name>/` with the files of its folder; its `manifest.json` is put last, and only where there is
none yet, `manifest.json.sig` just before it. Then it is put on the list. So whoever begins with the list never sees
half of one. The list needs no signature: what it names is held against what is in service, and each manifest has its
own. In some stores an older list may be read for a while after it was replaced: nothing is concluded from what is not
on it.
"""

import msgspec

from loader.errors import BadGeneration
from loader.objects import Missing, Objects
from lookup.manifest import GENERATIONS, NotServable, split_name

NEWEST = "newest.json"
FORMAT = "1.0"
MAX_BYTES = 1 << 20


class Offer(msgspec.Struct, frozen=True):
    """The list, newest first, and what the builder refuses, which is not to be in service anywhere.

    A serial may be there twice, when it was built again: the later one is first.
    """

    newest: list[str]
    withdrawn: list[str] = []
    format: str = FORMAT


def offered(objects: Objects) -> Offer:
    """The list. Raises Missing where there is none, BadGeneration where it is none."""
    try:
        offer = msgspec.json.decode(objects.read(NEWEST, MAX_BYTES), type=Offer)
        if offer.format.split(".")[0] != FORMAT.split(".")[0]:
            raise BadGeneration(f"{NEWEST}: format {offer.format!r} is not one this loader reads ({FORMAT})")
        return Offer(sorted(offer.newest, key=serial_of, reverse=True), sorted(offer.withdrawn))
    except (msgspec.DecodeError, NotServable):
        raise BadGeneration(f"{NEWEST} is not of its format") from None


def offered_so_far(objects: Objects) -> Offer:
    """The list; an empty one where there is none yet."""
    try:
        return offered(objects)
    except Missing:
        return Offer([])


def put_on_offer(objects: Objects, offer: Offer) -> None:
    """Replace the list."""
    objects.put(NEWEST, msgspec.json.format(msgspec.json.encode(offer), indent=1) + b"\n")


def serial_of(name: str) -> int:
    """The serial in a generation's name. Raises NotServable."""
    return split_name(name)[0]


def key_of(name: str, file: str) -> str:
    """Where a file of a generation is."""
    return f"{GENERATIONS}/{name}/{file}"
