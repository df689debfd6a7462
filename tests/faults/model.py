"""A model of the protocol by which generations are put in service, gone back from and removed, for all crashes.

The steps are those of loader.publish and loader.moves, in words; test_model.py holds them against the calls of the real
program. The disk is that of disk.py, once more and much smaller: octets are whole or broken, and every subset of
what was not synced is tried, at every step, and again while what the first crash left is put right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, count
from typing import NamedTuple

Edit = tuple[str, str, str | None]  # folder, name in it, the thing it names from then on
Change = tuple[Edit, ...]
Steps = tuple[str, ...]

MANIFEST, REST = "manifest.json", "index.mdb"


def point(which: str, says: str) -> Steps:
    """Replace one of the small files."""
    return (f"write {which}.tmp {says}", f"sync {which}.tmp", f"rename {which}.tmp {which}", "sync .")


def publish(name: str) -> Steps:
    """From a folder that is built to a generation in service."""
    return (
        f"rename staging/building staging/{name}",
        f"sync staging/{name}/{REST}",
        f"sync staging/{name}/{MANIFEST}",
        f"sync staging/{name}",
        f"create staging/{name}.publishing",
        "sync staging",
        f"rename staging/{name} gen/{name}",
        "sync gen",
        *point("CURRENT", name),
        f"unlink staging/{name}.publishing",
    )


def go_back(name: str, refused: Iterable[str]) -> Steps:
    """Another generation in service, and those it leaves behind refused."""
    return (*point("refused.json", ",".join(refused)), *point("CURRENT", name))


def remove(name: str) -> Steps:
    """A generation goes, its manifest first."""
    return (f"unlink gen/{name}/{MANIFEST}", f"sync gen/{name}", f"unlink gen/{name}/{REST}", f"rmdir gen/{name}")


class Disk(NamedTuple):
    """What is safe, the changes of entries that are not, the things with octets that are not, and the broken things.

    A thing is a generation's folder (its name), one of its files, or a small file (what it says, behind a number).
    """

    safe: frozenset[tuple[str, str, str]]
    unsafe: tuple[Change, ...] = ()
    unsynced: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()

    def now(self) -> dict[tuple[str, str], str]:
        """(folder, name) -> thing, as a program finds it."""
        return _applied(self.safe, self.unsafe)

    def says(self, name: str) -> str | None:
        """What a small file says."""
        thing = self.now().get((".", name))
        return None if thing is None else "" if thing in self.broken else thing.split("=")[1]

    def inside(self, folder: str) -> list[str]:
        """The names in a folder."""
        return sorted(name for where, name in self.now() if where == folder)

    def does(self, step: str) -> Disk:
        """After one step."""
        verb, path, *more = step.split()
        folder, name = _place(path)
        now = self.now()
        if verb == "sync":
            thing = now.get((folder, name), path)
            return self._synced(path if path in (".", "staging", "gen") else thing)
        if verb in ("create", "write"):
            known = (
                self.broken | {thing for change in self.unsafe for *_, thing in change} | {one[2] for one in self.safe}
            )
            thing = next(new for n in count() if (new := f"{n}{path}={''.join(more)}") not in known)
            return self._changed((folder, name, thing))._replace(unsynced=self.unsynced | {thing})
        if verb == "rename":
            return self._changed((folder, name, None), (*_place(more[0]), now[folder, name]))
        return self._changed((folder, name, None))

    def crashes(self) -> Iterator[Disk]:
        """Every disk that may be found when it all ends here."""
        for kept in _closed_subsets(self.unsafe):
            there = _applied(self.safe, kept)
            safe = frozenset((folder, name, thing) for (folder, name), thing in there.items())
            lost = sorted(self.unsynced & set(there.values()))
            for some in range(len(lost) + 1):
                for broken in combinations(lost, some):
                    yield Disk(safe, broken=(self.broken & set(there.values())) | set(broken))

    def _changed(self, *edits: Edit) -> Disk:
        return self._replace(unsafe=(*self.unsafe, edits))

    def _synced(self, thing: str) -> Disk:
        """A file, or a folder: its entries, and what has to be there for them to be."""
        done: set[int] = set()
        for number, change in enumerate(self.unsafe):
            if any(folder == thing for folder, *_ in change):
                done |= {number, *_needs(self.unsafe, number)}
        safe = _applied(self.safe, [change for number, change in enumerate(self.unsafe) if number in done])
        return self._replace(
            safe=frozenset((folder, name, thing) for (folder, name), thing in safe.items()),
            unsafe=tuple(change for number, change in enumerate(self.unsafe) if number not in done),
            unsynced=self.unsynced - {thing},
        )

    def with_built(self, name: str) -> Disk:
        """With a folder built in staging/, nothing of it synced."""
        files = {f"{name}/{file}" for file in (MANIFEST, REST)}
        made = [(("staging", "building", name),), *(((name, file.split("/")[1], file),) for file in sorted(files))]
        return self._replace(unsafe=(*self.unsafe, *made), unsynced=self.unsynced | files)


def sweep(disk: Disk) -> Steps:
    """What a loader begins with: what one that died has left is removed."""
    announced = {disk.says("CURRENT"), *(disk.says("refused.json") or "").split(",")}
    steps = [f"unlink {name}" for name in disk.inside(".") if name.endswith(".tmp")]
    gone: set[str] = set()
    for name in disk.inside("staging"):
        meant = name.removesuffix(".publishing")
        if meant != name and meant in disk.inside("gen") and meant not in announced:
            steps += _removal(disk, meant)
            gone.add(meant)
        steps.append(f"unlink staging/{name}")
    for name in disk.inside("gen"):
        if name not in gone and MANIFEST not in disk.inside(name) and name not in announced:
            steps += _removal(disk, name)
    return tuple(steps)


def is_whole(disk: Disk, name: str) -> bool:
    """Whether a generation is in gen/ with all of its files as they were written."""
    now = disk.now()
    files = [now.get((name, file)) for file in (MANIFEST, REST)]
    return now.get(("gen", name)) == name and None not in files and not set(files) & disk.broken


def _removal(disk: Disk, name: str) -> list[str]:
    """The steps of a removal that have something to do."""
    now = disk.now()
    return [step for step in remove(name) if not step.startswith("unlink") or _place(step.split()[1]) in now]


def _place(path: str) -> tuple[str, str]:
    parts = path.split("/")
    return (".", path) if len(parts) == 1 else (parts[-2], parts[-1])


def _applied(safe: Iterable[tuple[str, str, str]], changes: Iterable[Change]) -> dict[tuple[str, str], str]:
    out = {(folder, name): thing for folder, name, thing in safe}
    for change in changes:
        for folder, name, thing in change:
            if thing is None:
                out.pop((folder, name), None)
            else:
                out[folder, name] = thing
    return out


def _needs(changes: tuple[Change, ...], number: int) -> set[int]:
    """The earlier changes of the same entries or the same things, and theirs."""
    out: set[int] = set()
    for other in range(number):
        ours, theirs = changes[number], changes[other]
        same_entry = {edit[:2] for edit in ours} & {edit[:2] for edit in theirs}
        same_thing = {edit[2] for edit in ours} & {edit[2] for edit in theirs} - {None}
        if same_entry or same_thing:
            out |= {other, *_needs(changes, other)}
    return out


def _closed_subsets(changes: tuple[Change, ...]) -> Iterator[list[Change]]:
    needs = [_needs(changes, number) for number in range(len(changes))]
    for bits in range(1 << len(changes)):
        there = {number for number in range(len(changes)) if bits >> number & 1}
        if all(needs[number] <= there for number in there):
            yield [changes[number] for number in sorted(there)]
