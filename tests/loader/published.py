"""A tiny generation, published or about to be."""

import shutil
from pathlib import Path

from loader.publish import Staging
from tests import tiny


def build(staging: Staging, tmp_path: Path, serial: int = 1) -> None:
    """Put the files of a tiny generation into a staging folder."""
    for path in tiny.generation(tmp_path / f"built-{serial}", serial).iterdir():
        shutil.copyfile(path, staging.folder / path.name)


def publish_one(data: Path, tmp_path: Path, serial: int = 1) -> str:
    with Staging(data) as staging:
        build(staging, tmp_path, serial)
        staging.seal(serial)
        return staging.publish()


def names(data: Path) -> set[str]:
    """The generations that are there."""
    return {folder.name for folder in (data / "gen").iterdir()}
