"""Every kept generation opens, verifies, and answers as it did when it was kept."""

import json
import zipfile
from pathlib import Path

import pytest

from loader.verify import deep, structure
from lookup.generation import FORMAT, open_generation
from tests.formats.keep import HERE, answers

KEPT = sorted(HERE.glob("*.zip"))


def test_the_format_of_today_is_kept() -> None:
    assert HERE / f"{FORMAT}.zip" in KEPT


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
def test_a_kept_generation_answers_as_it_did(kept: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(kept) as file:
        file.extractall(tmp_path)
    wanted = json.loads((tmp_path / "answers.json").read_text())
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    structure(folder)
    generation = open_generation(folder)
    generation.self_test()
    assert deep(generation) == generation.manifest.content_digest
    assert len(wanted) > 40
    assert answers(generation) == wanted
