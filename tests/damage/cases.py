"""One case, judged in every way: refused on disk; and in memory, past the check, nothing but what it may say."""

import random
from pathlib import Path

from tests.damage import kinds, originals
from tests.damage.judge import Broken, Judge, mended
from tests.damage.kinds import Case
from tests.damage.originals import INDEX, POINTERS
from tests.damage.refusal import Copies
from tests.memory import guarded, heap

REFUSED, REFUSED_TWICE, ASKED = "refused", "refused twice", "refused, and asked"


class Bench:
    """What one process needs to judge cases: the originals under `folder`, and copies of its own in `scratch`."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.originals = originals.read(folder)
        self.copies = Copies(scratch, self.originals)
        self.judges: dict[str, Judge] = {}

    def case(self, seed: int, number: int) -> Case:
        """The case with this number."""
        return kinds.case(self.originals, seed, number)

    def hold(self, case: Case, number: int) -> str:
        """Judge a case. Raises Broken.

        Says how far it came: REFUSED on disk; REFUSED_TWICE when the index did not open in memory either; or ASKED.
        """
        self.copies.refuse(case)
        if case.file not in {INDEX, POINTERS}:
            return REFUSED
        original = self.originals[case.original]
        files = original.files | {case.file: case.data}
        pointers, data = files[POINTERS], files[INDEX]
        if len(case.data) != len(original.files[case.file]):
            pointers = mended(pointers, data)
        if case.original not in self.judges:
            self.judges[case.original] = Judge(original)
        memory = random.Random(number).choice([heap, guarded])
        return ASKED if self.judges[case.original].hold(pointers, data, memory) else REFUSED_TWICE

    def wrong(self, case: Case, number: int) -> str | None:
        """Why a case does not hold; None when it does."""
        try:
            self.hold(case, number)
        except Broken as broken:
            return str(broken)
        except Exception as error:  # noqa: BLE001 - whatever a reader raises is a finding
            return f"raised {type(error).__name__}"
        return None
