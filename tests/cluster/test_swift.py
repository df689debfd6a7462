"""What can be seen of `make cluster` without a Swift: what it says where there is none, and its settings."""

import configparser
from pathlib import Path

import pytest

from tests.cluster import swift
from tests.cluster.__main__ import main
from tests.cluster.swift import KINDS, PROXY_CONF, STORAGE_CONF, NoSwift, Swift


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(swift, "_path", lambda: str(tmp_path))
    with pytest.raises(NoSwift, match=r"swift-proxy-server.*memcached: not installed .*apt install swift-proxy"):
        Swift(tmp_path / "swift")
    monkeypatch.setattr("sys.argv", ["cluster"])
    assert main() == 1
    assert capsys.readouterr().out.startswith("broken: swift-ring-builder")


def test_every_part_of_the_pipeline_has_its_settings() -> None:
    filled = {"port": 1, "cache": 2, "user": "somebody", "etc": "etc", "devices": "devices"}
    for text in (PROXY_CONF, *(STORAGE_CONF.replace("{kind}", kind) for kind in KINDS)):
        settings = configparser.RawConfigParser()
        settings.read_string(text.format(**filled))
        for part in settings["pipeline:main"]["pipeline"].split():
            assert {f"app:{part}", f"filter:{part}"} & set(settings.sections()), part
