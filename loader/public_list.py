"""Writing `contracts.bin`: the public list of contracts, rendered and compressed. Layout: docs/generation-format.md.

An increment writes it anew, whole: contracts change each day, and it is the work of half a second for a nation.
"""

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import zstandard

from loader.check import Rows
from loader.render import views
from lookup.answers import ContractView
from lookup.public_list import BEGIN, BETWEEN, END, ENTRY, MAGIC, TRAILER, render

FILE_MODE = 0o640
GZIP_LEVEL, ZSTD_LEVEL = 3, 3  # a second for some hundredths less would be paid with each increment
GZIP_WINDOW = 31  # of zlib: the largest, in gzip's frame, which holds no time: the same list is the same octets


def write_public_list(path: Path, rows: Rows, slots: dict[int, int], window: tuple[int, int], digest: str) -> None:
    """Write the file. `digest` is the generation's content digest; what ends before the window is left out."""
    by_id = sorted(views(rows, slots, window), key=_id)
    body, table = _body(by_id, window[0])
    gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    compressed = gzip.compress(body) + gzip.flush()
    smaller = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    with path.open("xb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        at = [file.write(MAGIC)]
        for part in (body, compressed, smaller, table):
            at.append(at[-1] + file.write(part))
        _, gzip_at, zstd_at, table_at, end = at
        file.write(TRAILER.pack(gzip_at, zstd_at, table_at, end, len(by_id), bytes.fromhex(digest)))


def _body(by_id: Iterable[ContractView], since: int) -> tuple[bytes, bytes]:
    """The whole list, and the table of its contracts."""
    body, table = bytearray(BEGIN), bytearray()
    for contract_id, municipality, json in render(by_id, since):
        body += BETWEEN if table else b""
        table += ENTRY.pack(contract_id, len(MAGIC) + len(body), len(json), municipality)
        body += json
    return bytes(body + END), bytes(table)


def _id(view: ContractView) -> int:
    return view.contract.id
