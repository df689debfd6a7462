"""A disk that is only thought of: what a folder may hold after the power went, at any point of what was done to it.

It is weaker than the usual filesystems, so that what holds here holds on them. A file's octets are safe once the file
was synced; before, they may be there, not be there, be zeroes, or be there in part, cut or patched at sectors or pages.
A folder's entries are safe once the folder was synced; before, each change of an entry (make, rename, unlink) may be
there or not, whatever became of others. Two things are promised: a rename is wholly there or not at all, and what was
done to the same entry or the same thing before it is then there too. Modes are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.faults.record import Call, Kind

SECTOR, PAGE = 512, 4096

Tree = dict[str, bytes | None]  # path -> octets of a file, None for a folder


class File:
    """A file: its octets, those that are safe, and the writes in between: (where, octets); (size, None) for a cut."""

    def __init__(self, safe: bytes = b"") -> None:
        self.now, self.safe = bytearray(safe), safe
        self.unsafe: list[tuple[int, bytes | None]] = []
        self._seen: bytes | None = safe

    def write(self, at: int, data: bytes) -> None:
        """Write into it; what lies between its end and that place becomes zeroes."""
        _put(self.now, at, data)
        self._done((at, data))

    def cut(self, size: int) -> None:
        """Give it another size."""
        _cut(self.now, size)
        self._done((size, None))

    def _done(self, what: tuple[int, bytes | None]) -> None:
        self.unsafe.append(what)
        self._seen = None

    def sync(self) -> None:
        """All that was written is safe."""
        self.safe, self.unsafe = self.seen(), []

    def seen(self) -> bytes:
        """What a program reads now."""
        if self._seen is None:
            self._seen = bytes(self.now)
        return self._seen


class Folder:
    """A folder: what is in it now, and what was when the disk was made."""

    def __init__(self) -> None:
        self.now: dict[str, File | Folder] = {}
        self.first: dict[str, File | Folder] = {}


class Change:
    """One change of entries, in one folder or two: what each name is from then on, None for nothing.

    `needs` are the earlier changes of the same entries, or of the same thing.
    """

    def __init__(self, told: str, edits: list[tuple[Folder, str, File | Folder | None]], before: list[Change]) -> None:
        self.told, self.edits, self.safe = told, edits, False
        self.entries = {(id(folder), name) for folder, name, _ in edits}
        self.things = {id(thing) for *_, thing in edits if thing is not None}
        self.needs: list[Change] = [one for one in before if one.entries & self.entries or one.things & self.things]

    def with_needs(self) -> set[Change]:
        """It and all that has to be there for it to be."""
        out, left = set(), [self]
        while left:
            one = left.pop()
            if one not in out:
                out.add(one)
                left += one.needs
        return out


class Disk:
    """A folder and what was done to it: made of what was in it, all of it safe, then `play` of every call."""

    def __init__(self, start: Tree) -> None:
        self.top = Folder()
        self.changes: list[Change] = []
        for path, octets in sorted(start.items()):
            folder = self._find(str(Path(path).parent))
            assert isinstance(folder, Folder)
            folder.first[Path(path).name] = folder.now[Path(path).name] = Folder() if octets is None else File(octets)

    def play(self, call: Call) -> None:
        """One call that was recorded."""
        if call.kind in (Kind.CREATE, Kind.MKDIR):
            self._change(call, (call.path, File() if call.kind is Kind.CREATE else Folder()))
        elif call.kind is Kind.RENAME:
            self._change(call, (call.path, None), (call.other, self._find(call.path)))
        elif call.kind in (Kind.UNLINK, Kind.RMDIR):
            self._change(call, (call.path, None))
        elif call.kind is Kind.SYNC:
            self._sync(self._find(call.path))
        elif call.kind in (Kind.WRITE, Kind.COPY, Kind.CUT):
            self._write(call)

    def unsafe(self) -> list[Change]:
        """The changes of entries that may still be lost, in order."""
        return [one for one in self.changes if not one.safe]

    def files(self) -> list[File]:
        """Every file that an entry names, or may name again."""
        named = [thing for change in self.changes for *_, thing in change.edits]
        return [one for one in dict.fromkeys([*_walk(self.top), *named]) if isinstance(one, File)]

    def now(self) -> Tree:
        """What a program finds now."""
        return _tree(self.top, lambda folder: folder.now, File.seen)

    def after(self, kept: Iterable[Change], octets: Callable[[File], bytes]) -> Tree:
        """What is found after the power went, when of what was not safe these changes are there, and these octets."""
        there = {need for one in kept for need in one.with_needs()}
        entries: dict[Folder, dict[str, File | Folder]] = {}
        for change in self.changes:
            if change.safe or change in there:
                for folder, name, thing in change.edits:
                    found = entries.setdefault(folder, dict(folder.first))
                    if thing is None:
                        found.pop(name, None)
                    else:
                        found[name] = thing
        return _tree(self.top, lambda folder: entries.get(folder, folder.first), octets)

    def _find(self, path: str) -> File | Folder:
        found: File | Folder = self.top
        for part in Path(path).parts:
            assert isinstance(found, Folder)
            found = found.now[part]
        return found

    def _change(self, call: Call, *edits: tuple[str, File | Folder | None]) -> None:
        meant = []
        for path, thing in edits:
            folder = self._find(str(Path(path).parent))
            assert isinstance(folder, Folder)
            meant.append((folder, Path(path).name, thing))
        self.changes.append(Change(call.told(), meant, self.changes))
        for folder, name, thing in meant:
            if thing is None:
                del folder.now[name]
            else:
                folder.now[name] = thing

    def _sync(self, what: File | Folder) -> None:
        if isinstance(what, File):
            return what.sync()
        for change in self.changes:
            if not change.safe and any(folder is what for folder, *_ in change.edits):
                for one in change.with_needs():
                    one.safe = True
        return None

    def _write(self, call: Call) -> None:
        file = self._find(call.path)
        assert isinstance(file, File)
        if call.kind is Kind.CUT:
            return file.cut(call.size)
        data = call.data
        if call.kind is Kind.COPY:
            source = self._find(call.other)
            assert isinstance(source, File)
            data = source.seen()[call.start : call.start + call.size]
        assert len(data) == call.size
        return file.write(call.at, data)


def read_tree(folder: Path) -> Tree:
    """What is in a folder that is really there."""
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def played(safe: bytes, writes: Iterable[tuple[int, bytes | None]]) -> bytearray:
    """Octets with writes, or cuts, made to them."""
    out = bytearray(safe)
    for at, data in writes:
        _cut(out, at) if data is None else _put(out, at, data)
    return out


def _put(into: bytearray, at: int, data: bytes) -> None:
    if at > len(into):
        into += bytes(at - len(into))
    into[at : at + len(data)] = data


def _cut(what: bytearray, size: int) -> None:
    del what[size:]
    what += bytes(size - len(what))


def _walk(folder: Folder) -> Iterable[File | Folder]:
    for thing in folder.now.values():
        yield thing
        if isinstance(thing, Folder):
            yield from _walk(thing)


def _tree(
    top: Folder, entries: Callable[[Folder], dict[str, File | Folder]], octets: Callable[[File], bytes], at: str = ""
) -> Tree:
    out: Tree = {}
    for name, thing in entries(top).items():
        if isinstance(thing, Folder):
            out[at + name] = None
            out |= _tree(thing, entries, octets, f"{at}{name}/")
        else:
            out[at + name] = octets(thing)
    return out
