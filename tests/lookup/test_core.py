"""The compiled core is the one that is loaded, it is compiled, and the plain one comes only when asked for by name."""

import importlib
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

import lookup.core

COMPILED = [
    "key",
    "record",
    "index",
    "fragment",
    "canonical",
    "question",
    "book",
    "desk",
    "replies",
    "connection",
    "tally",
]


@pytest.mark.parametrize("name", COMPILED)
def test_it_is_an_extension_module(name: str) -> None:
    module = importlib.import_module(f"lookup._fast.{name}")
    assert module.__file__ is not None
    assert module.__file__.endswith(tuple(EXTENSION_SUFFIXES))


def test_the_core_in_use_is_the_compiled_one() -> None:
    assert lookup.core.COMPILED is True
    assert lookup.core.Index.__module__ == "lookup._fast.index"
    assert lookup.core.parse.__module__ == "lookup._fast.key"


@pytest.mark.parametrize(("setting", "compiled"), [("1", "False"), ("0", "True"), ("", "True")])
def test_the_plain_core_comes_when_asked_for(setting: str, compiled: str) -> None:
    code = "from lookup import core; print(core.COMPILED, core.Index.__module__)"
    environment = os.environ | {"FLR_PLAIN_CORE": setting}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    module = "lookup._fast.index" if compiled == "True" else "lookup.index"
    assert printed.stdout.split() == [compiled, module]


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("key", "bits_for mix unmix split join parse"),
        ("record", "encode_record decode_record find decode_bucket"),
        ("index", "Index encode_buckets read_buckets encode_fragments read_fragment"),
        ("canonical", "read_head"),
        ("question", "read_question read_at"),
    ],
)
def test_twins_have_the_same_functions(name: str, functions: str) -> None:
    for package in ("lookup", "lookup._fast"):
        module = importlib.import_module(f"{package}.{name}")
        assert [each for each in functions.split() if not callable(getattr(module, each, None))] == []
