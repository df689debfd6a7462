"""The settings of both programs, and their table in docs/operations.md."""

from pathlib import Path

import pytest

from loader.settings import Settings as LoaderSettings
from lookup.settings import Settings
from register.settings import as_markdown, shown

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


@pytest.mark.parametrize("kind", [Settings, LoaderSettings])
def test_every_setting_says_what_it_is(kind: type[Settings | LoaderSettings]) -> None:
    assert [row.name for row in shown(kind()) if not row.help] == []


@pytest.mark.parametrize("kind", [Settings, LoaderSettings])
def test_the_documentation_has_the_table(kind: type[Settings | LoaderSettings]) -> None:
    assert as_markdown(kind()) in OPERATIONS.read_text()


@pytest.mark.parametrize("kind", [Settings, LoaderSettings])
def test_run_files_are_in_the_data_folder_unless_told_otherwise(kind: type[Settings | LoaderSettings]) -> None:
    assert kind(data_dir=Path("/srv")).run_folder == Path("/srv/run")
    assert kind(data_dir=Path("/srv"), run_dir=Path("/run/flr")).run_folder == Path("/run/flr")


def test_the_processors_are_counted_unless_told_otherwise() -> None:
    assert (Settings(workers=3).worker_count, LoaderSettings(processes=3).process_count) == (3, 3)
    assert Settings().worker_count == LoaderSettings().process_count >= 1


def test_a_variable_means_the_same_to_both_programs() -> None:
    for name in {*Settings.__struct_fields__} & {*LoaderSettings.__struct_fields__}:
        assert getattr(Settings(), name) == getattr(LoaderSettings(), name)
    assert {*Settings.__struct_fields__} & {*LoaderSettings.__struct_fields__} == {
        *("data_dir", "run_dir", "core_dumps")
    }
