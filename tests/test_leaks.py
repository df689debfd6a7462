"""A number that somebody lets out is found, however it is written, wherever it stands; and nothing else is."""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.leaks import leaks_in, made_up, numbers_in, ways
from tests.service import ROOT

NIN = tiny.number(7)
GROUPED = f"{NIN[:6]} {NIN[6:]}"
NUMBERS = {NIN.encode()}
PLAIN = NIN.encode()
LETTERS = b"some text without any, 20261126123456789 and 01819000000"


def planted() -> list[tuple[str, bytes]]:
    told = [
        ("plain", PLAIN),
        ("plain", b"99 " + PLAIN + b"-1"),
        ("plain", b'{"nin":"%b"}' % PLAIN),
        ("grouped", GROUPED.encode()),
        ("grouped", GROUPED.replace(" ", "-").encode()),
        ("grouped", GROUPED.replace(" ", "%20").encode()),
        ("grouped", GROUPED.replace(" ", "\xa0").encode()),
        ("hex", PLAIN.hex().encode()),
        ("hex", b"A" + PLAIN.hex().upper().encode() + b"F"),
        ("hex", b"3" + PLAIN.hex().encode()),
        ("hex", PLAIN.hex(":").encode()),
        ("hex", GROUPED.replace(" ", "-").encode().hex().upper().encode()),
    ]
    told += [("UTF-16", text.encode(code)) for text in (NIN, GROUPED) for code in ("utf-16-le", "utf-16-be", "utf-16")]
    for before in (b"", b"a", b"ab", b"abcd"):
        for text in (PLAIN, GROUPED.encode()):
            whole = before + text + b"\xff\xfe" + before
            told += [("base64", base64.b64encode(whole)), ("base64", base64.urlsafe_b64encode(whole).rstrip(b"="))]
    return told


@pytest.mark.parametrize(("how", "written"), planted(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_way_of_writing_it_is_found(how: str, written: bytes) -> None:
    for before in (b"", b"x", b"xy", b"xyz: ", b"\xff\0", b"word\n", b"/\n"):
        assert how in ways(before + written, NUMBERS)
        assert ways(LETTERS + b" " + written + b"\n" + LETTERS, NUMBERS) == {how}


def test_what_is_none_is_not_found() -> None:
    other = tiny.number(8).encode()
    for data in (
        LETTERS,
        PLAIN + b"1",
        other,
        other.hex().encode(),
        base64.b64encode(other),
        b"",
        b"\0" * 1000,
        PLAIN[:10],
    ):
        assert ways(data, NUMBERS) == set()


def test_only_what_may_hold_numbers_is_passed_over(tmp_path: Path) -> None:
    for name in ("persons.ndjson", "index.mdb", "events.bin", "report.json", "metrics.prom"):
        (tmp_path / name).write_text(f'{{"nin":"{NIN}"}}')
    (tmp_path / "empty").touch()
    files = sorted(tmp_path.iterdir())
    assert numbers_in(files) == NUMBERS
    assert [Path(leak.where).name for leak in leaks_in(files, NUMBERS)] == ["metrics.prom", "report.json"]
    assert made_up() >= NUMBERS
    shutil.rmtree(tmp_path)  # else our own session would find them


LEAKING = """
import pytest, subprocess, sys
def test_one(tmp_path):
    (tmp_path / "persons.ndjson").write_text('{{"nin":"{known}"}}')
    (tmp_path / "report.json").write_text("of {nin}")
def test_two():
    subprocess.run([sys.executable, "-S", "-c", "print(input())"], input=b"{nin}", capture_output=True)
    print("{nin}")
@pytest.mark.parametrize("nin", ["{known}", "{known} "])
def test_three(nin, tmp_path):
    (tmp_path / "a report").touch()
    assert nin.strip() == "{known}"
"""


@pytest.mark.parametrize(
    ("nin", "more", "leaks"),
    [(NIN, ["-n", "1"], 3), ("nobody", ["-v"], 0)],
    ids=["one that does, under xdist", "one that does not"],
)
def test_a_session_that_lets_one_out_fails(tmp_path: Path, nin: str, more: list[str], leaks: int) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    tests = tmp_path / "test_leaking.py"
    tests.write_text(LEAKING.format(nin=nin, known=NIN))
    session = [sys.executable, "-m", "pytest", "-q", "-p", "tests.leaks", "--basetemp", str(tmp_path / "of"), *more]
    with subprocess.Popen(
        [*session, tests], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == bool(leaks), said
    assert said.count("plain: ") == leaks
    assert ("no national ids: looked at" in said) == (not leaks)
    assert NIN not in said
    tests.unlink()
    shutil.rmtree(tmp_path / "of")
