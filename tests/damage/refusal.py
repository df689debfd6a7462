"""A damaged generation on disk is refused before anything of it is served.

For `people.mdb` and the tables in `index.mdb`, which are read through LMDB, and for `manifest.json` this is the whole
promise: what LMDB would make of damaged pages in memory is not asked, because nothing that is refused gets that far.
"""

import shutil
from pathlib import Path

from lookup.generation import NotServable, open_generation
from tests.damage.judge import Broken
from tests.damage.kinds import Case
from tests.damage.originals import Original


class Copies:
    """Copies of the originals in a folder of their own, for one process to damage."""

    def __init__(self, folder: Path, originals: dict[str, Original]) -> None:
        self.originals = originals
        self.places = {name: folder / name / original.folder.name for name, original in originals.items()}
        for name, place in self.places.items():
            shutil.copytree(originals[name].folder, place)

    def refuse(self, case: Case) -> None:
        """Put the damaged file in its place, and see the generation refused. Raises Broken."""
        place = self.places[case.original]
        (place / case.file).write_bytes(case.data)
        try:
            open_generation(place)
        except NotServable:
            return
        finally:
            (place / case.file).write_bytes(self.originals[case.original].files[case.file])
        raise Broken("a damaged generation was opened")
