"""What has been verified since the machine started is not read again, and anything else is."""

from pathlib import Path

import pytest

from lookup import vouched as module
from lookup.choice import Choice
from lookup.manifest import MANIFEST, verify_files
from lookup.vouched import VERIFIED, stamps_of, vouch, vouched
from tests import tiny


@pytest.fixture
def name(data: Path) -> str:
    name = tiny.generation(data).name
    tiny.announce(data, name)
    return name


def test_what_was_verified_is_known_by_its_stamps(data: Path, name: str) -> None:
    folder = data / "gen" / name
    assert vouched(data, name) is None
    vouch(data, name, verify_files(folder))
    assert vouched(data, name) == verify_files(folder) == stamps_of(folder)
    assert vouched(data, "2-00000000") is None
    assert (data / VERIFIED).stat().st_mode & 0o777 == 0o640


def test_what_has_changed_since_is_not(data: Path, name: str) -> None:
    vouch(data, name, stamps_of(data / "gen" / name))
    file = data / "gen" / name / MANIFEST
    content = file.read_bytes()
    file.chmod(0o640)
    file.write_bytes(content)
    assert vouched(data, name) is None


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"boot": 1, "stamps": {}}'])
def test_what_cannot_be_read_says_nothing_and_is_written_anew(data: Path, name: str, said: bytes) -> None:
    (data / VERIFIED).write_bytes(said)
    assert vouched(data, name) is None
    vouch(data, name, stamps_of(data / "gen" / name))
    assert vouched(data, name) is not None


@pytest.mark.parametrize("boot", ["another start", ""])
def test_another_start_of_the_machine_forgets(
    data: Path, name: str, boot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vouch(data, name, stamps_of(data / "gen" / name))
    monkeypatch.setattr(module, "_boot", lambda: boot)
    assert vouched(data, name) is None
    vouch(data, name, stamps_of(data / "gen" / name))
    assert (vouched(data, name) is not None) == bool(boot)


def test_generations_that_are_gone_are_forgotten(data: Path, name: str) -> None:
    vouch(data, "9-00000000", {})
    vouch(data, name, stamps_of(data / "gen" / name))
    assert "9-00000000" not in (data / VERIFIED).read_text()


def test_a_supervisor_believes_it_until_it_is_told_to_look_with_fresh_eyes(
    data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vouch(data, name, verify_files(data / "gen" / name))
    read: list[str] = []
    monkeypatch.setattr("lookup.choice.verify_files", lambda folder: read.append(folder.name) or verify_files(folder))
    choice = Choice(data)
    choice.look([])
    assert choice.order is not None
    assert (choice.order.name, read) == (name, [])
    choice.forget()
    choice.look([])
    assert read == [name]
