"""Licences that are not allowed and advisories that name what is installed are found; what was not checked is said."""

import json
import zipfile
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests import dependencies
from tests.dependencies import check_advisories, closure, is_allowed, is_within, licence


def package(folder: Path, *fields: str, name: str = "thing", version: str = "1.5") -> Distribution:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields])
    )
    return PathDistribution(info)


@pytest.mark.parametrize(
    ("fields", "said", "allowed"),
    [
        (["License-Expression: MIT"], "MIT", True),
        (["License-Expression: MIT AND GPL-3.0-only"], "MIT AND GPL-3.0-only", False),
        (["License-Expression: MIT OR GPL-3.0-only"], "MIT OR GPL-3.0-only", True),
        (["License-Expression: (MIT OR GPL-3.0-only) AND MIT"], "(MIT OR GPL-3.0-only) AND MIT", False),
        (["License: MIT License"], "MIT", True),
        (["Classifier: License :: OSI Approved :: BSD License"], "BSD-3-Clause", True),
        (["License: our own", "Classifier: License :: Other/Proprietary License"], "our own", False),
        (["License: AGPL-3.0-only"], "AGPL-3.0-only", False),
        ([], "nothing", False),
    ],
)
def test_what_a_package_says_of_its_licence(tmp_path: Path, fields: list[str], said: str, allowed: bool) -> None:
    stated = licence(package(tmp_path, *fields))
    assert (stated, is_allowed(stated)) == (said, allowed)


def test_what_states_nothing_is_what_we_have_read_in_its_files() -> None:
    assert licence(distribution("axe-playwright-python")) == "MIT AND MPL-2.0"


def test_everything_that_we_need_is_looked_at() -> None:
    shipped, everything = closure("fastlegeregisteret", set()), closure("fastlegeregisteret", {"dev"})
    assert {"litestar", "uvloop", "anyio"} <= {*shipped}
    assert {"pyarrow", "obstore", "hypothesis", "ruff", "numpy"} <= {*everything} - {*shipped}
    assert {*shipped} < {*everything}
    with pytest.raises(LookupError, match="not installed"):
        closure("no-such-package-of-ours", set())


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}], ["0.1", "9"], []),
        ([{"introduced": "0"}, {"fixed": "1.5"}], ["0.1", "1.4.9", "1.5rc1"], ["1.5", "2"]),
        ([{"introduced": "1.2"}, {"last_affected": "1.5"}], ["1.2", "1.5"], ["1.1", "1.5.1"]),
        (
            [{"fixed": "3.1"}, {"introduced": "3"}, {"fixed": "2"}, {"introduced": "1"}],
            ["1", "3.0.9"],
            ["2", "2.9", "3.1"],
        ),
    ],
)
def test_the_versions_between_events(events: list[dict[str, str]], inside: list[str], outside: list[str]) -> None:
    assert [version for version in inside + outside if is_within(events, Version(version))] == inside


def advisory(**members: Any) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Thing"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}],
    }
    return {"id": "TEST-1", "modified": "2026-11-20T01:02:03Z", "affected": [affected]} | members


def written(folder: Path, *listed: object) -> Path:
    folder.mkdir()
    for place, one in enumerate(listed):
        (folder / f"{place}.json").write_text(json.dumps(one))
    return folder


def test_an_advisory_that_names_what_is_installed(tmp_path: Path) -> None:
    installed = {"thing": package(tmp_path, version="1.5")}
    other = {"package": {"ecosystem": "npm", "name": "thing"}, "versions": ["1.5"]}
    listed = [
        advisory(),
        advisory(id="TEST-2", withdrawn="2026-01-01T00:00:00Z"),
        advisory(id="TEST-3", affected=[other]),
        advisory(id="TEST-4", affected=[other | {"package": {"ecosystem": "PyPI", "name": "thing"}}]),
        advisory(id="TEST-5", affected=[]),
    ]
    folder = written(tmp_path / "list", *listed)
    found, newest = check_advisories(folder, installed)
    assert ([one.advisory for one in found], newest) == (["TEST-1", "TEST-4"], "2026-11-20")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    assert check_advisories(tmp_path / "all.zip", installed) == (found, newest)


def on_the_command_line(monkeypatch: pytest.MonkeyPatch, listed: Path | None) -> int:
    monkeypatch.delenv(dependencies.VARIABLE, raising=False)
    if listed is not None:
        monkeypatch.setenv(dependencies.VARIABLE, str(listed))
    return dependencies.main()


def test_what_was_not_checked_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(listed: Path | None) -> tuple[int, str]:
        code = on_the_command_line(monkeypatch, listed)
        return code, capsys.readouterr().out.splitlines()[-1]

    monkeypatch.setattr(dependencies, "closure", lambda *_: {"litestar": distribution("litestar")})
    ours = {"package": {"ecosystem": "PyPI", "name": "litestar"}}
    everything = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
    assert said(None) == (0, "vulnerabilities: not checked, FLR_ADVISORIES names no list of advisories")
    assert said(written(tmp_path / "good", advisory())) == (0, "vulnerabilities: 0 known on 2026-11-20")
    bad = written(tmp_path / "bad", advisory(affected=[ours | {"ranges": everything}]))
    assert said(bad) == (1, "vulnerabilities: 1 known on 2026-11-20")
    for wrong in (tmp_path / "none", written(tmp_path / "empty"), written(tmp_path / "other", {"no": "advisory"})):
        code, last = said(wrong)
        assert (code, last[:29]) == (1, "vulnerabilities: not checked:")


def test_a_licence_that_is_not_allowed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stated = {"thing": package(tmp_path, "License: ours")}
    monkeypatch.setattr(dependencies, "closure", lambda *_: stated)
    assert on_the_command_line(monkeypatch, None) == 1
    assert "licences: thing: ours is not among those that are allowed" in capsys.readouterr().out
