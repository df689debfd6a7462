"""An audit read in windows: a person is found wherever their hash lies, and by whole segments alone."""

from pathlib import Path

import pytest

from lookup.audit import reading
from lookup.audit.insight import insight
from lookup.audit.record import HEAD_BYTES, hash_of
from lookup.audit.segment import segments
from tests.audit.writing import KEYS, NOW, asked, fill, opened

NEEDLE = bytes(range(100, 116))


def test_what_lies_across_two_windows_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WINDOW_BYTES", 4096 - 64)
    path = tmp_path / "octets"
    for at in (0, 4000, *range(4096 - 70, 4096 + 70, 7), 8000, 12000 - 16):
        data = bytearray(12000)
        data[at : at + 16] = NEEDLE
        path.write_bytes(data)
        assert reading.find(path, [b"none" * 4, NEEDLE]) == [at], at


def test_a_person_among_thousands_is_found_in_every_segment(tmp_path: Path) -> None:
    series = opened(tmp_path, size=1 << 16)
    for start in range(0, 2000, 500):
        fill(series, range(start, start + 500))
        assert asked(series, 10**10)
    found = list(insight([tmp_path], KEYS, [10**10]))
    assert [row.client for row in found] == ["clinic"] * 4
    assert len({row.record for row in found}) == 4
    assert all(row.intact for row in found)
    series.stop(NOW)
    assert list(insight([tmp_path], KEYS, [10**10])) == found
    assert len(segments(tmp_path / "w0")) > 2


def test_a_hash_that_stands_in_no_record_is_nobody(tmp_path: Path) -> None:
    series = opened(tmp_path)
    fill(series, range(3))
    series.stop(NOW)
    (path,) = segments(tmp_path / "w0")
    path.write_bytes(path.read_bytes() + hash_of(7, KEYS.newest))
    assert reading.find(path, [hash_of(7, KEYS.newest)]) == [path.stat().st_size - 16]
    assert list(insight([tmp_path], KEYS, [7])) == []
    assert path.stat().st_size > HEAD_BYTES
