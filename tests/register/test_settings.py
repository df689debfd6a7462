"""Settings by layers: defaults, file, environment, flags."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from register.settings import SettingsError, as_json, as_lines, as_markdown, read_settings


class Some(msgspec.Struct, frozen=True, kw_only=True):
    data_dir: Annotated[Path, Meta(description="where")] = Path("data")
    run_dir: Annotated[Path | None, Meta(description="where else")] = None
    port: Annotated[int, Meta(ge=0, le=65535, description="which")] = 1
    hours: Annotated[float, Meta(description="how long")] = 2.5
    strict: Annotated[bool, Meta(description="whether")] = False


def file(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "flr.toml"
    path.write_text(text)
    return {"FLR_CONFIG": str(path)}


def test_each_layer_goes_over_the_one_before_it(tmp_path: Path) -> None:
    environment = file(tmp_path, "[some]\nport = 2\nhours = 3\nstrict = true\n[other]\nanything = 1\n")
    assert read_settings(Some, "some", {}, {}) == Some()
    assert read_settings(Some, "some", environment, {}) == Some(port=2, hours=3.0, strict=True)
    environment |= {"FLR_PORT": "3", "FLR_STRICT": "false", "FLR_RUN_DIR": "/run/flr", "FLR_OF_ANOTHER": "x"}
    assert read_settings(Some, "some", environment, {}) == Some(port=3, hours=3.0, run_dir=Path("/run/flr"))
    flags = {"port": "4", "data_dir": "/srv", "strict": None}
    read = read_settings(Some, "some", environment, flags)
    assert read == Some(port=4, hours=3.0, run_dir=Path("/run/flr"), data_dir=Path("/srv"))


def test_an_empty_variable_is_as_none(tmp_path: Path) -> None:
    assert read_settings(Some, "some", {"FLR_PORT": "", "FLR_CONFIG": ""}, {}) == Some()
    assert read_settings(Some, "some", file(tmp_path, "[other]\n"), {}) == Some()


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("FLR_PORT", "65536", r"port \(from the environment\): .*<= 65535"),
        ("FLR_PORT", "http", r"port \(from the environment\): "),
        ("FLR_STRICT", "perhaps", r"strict \(from the environment\): "),
    ],
)
def test_a_wrong_value_names_the_setting_and_its_origin(variable: str, value: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read_settings(Some, "some", {variable: value}, {})


def test_wrong_flags_and_files_are_named_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"port \(from the command line\)"):
        read_settings(Some, "some", {}, {"port": "-1"})
    with pytest.raises(SettingsError, match=r"hours \(from the settings file\)"):
        read_settings(Some, "some", file(tmp_path, "[some]\nhours = []\n"), {})
    with pytest.raises(SettingsError, match=r"\[some\] has no setting 'prot'"):
        read_settings(Some, "some", file(tmp_path, "[some]\nprot = 1\n"), {})
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(Some, "some", file(tmp_path, "[some\n"), {})
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(Some, "some", {"FLR_CONFIG": str(tmp_path / "nowhere")}, {})
    with pytest.raises(SettingsError, match="is not a table"):
        read_settings(Some, "some", file(tmp_path, "some = 1\n"), {})


def test_settings_are_printed() -> None:
    settings = Some(port=3, strict=True)
    assert as_lines(settings).splitlines()[2].split() == ["port", "3", "which"]
    assert msgspec.json.decode(as_json(settings)) == {
        "data_dir": "data",
        "run_dir": None,
        "port": 3,
        "hours": 2.5,
        "strict": True,
    }
    assert "| `port` | `FLR_PORT` | `1` | which |" in as_markdown(settings).splitlines()
    assert "| `run_dir` | `FLR_RUN_DIR` |  | where else |" in as_markdown(settings).splitlines()
