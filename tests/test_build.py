"""Every extension that is loaded was compiled in the way that was asked for: no suite passes on other files."""

import importlib.util
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXTENSIONS = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(ROOT.glob("lo*/_fast/*.pyx"))]


def test_there_are_extensions() -> None:
    assert len(EXTENSIONS) >= 15


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_is_of_the_build_asked_for(name: str) -> None:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    builds = set(re.findall(rb"flr-build:([a-z]+)", Path(found.origin).read_bytes()))
    assert builds == {os.environ.get("LOOKUP_BUILD", "release").encode()}
