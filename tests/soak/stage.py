"""What the soak is played on: the crooked world in two generations of one content, a service, what it is asked.

The two generations differ in nothing but their serial, which is in every answer's head, in a batch's body and in
entity tags; so each answer has to be wholly of the one that it names.
"""

import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from lookup.manifest import digest8_of
from register.localtime import OSLO
from tests import crooked
from tests.oracle import Register
from tests.served import load
from tests.service import Service
from tests.soak import forms
from tests.soak.answers import Answer, Question
from tests.soak.contents import Content, contents, learn
from tests.soak.line import Decks

# Lines that write octet by octet may take long where many share a processor, and that is no fault of the service.
UNHURRIED = {f"FLR_{name}_SECONDS": "120" for name in ("HEAD", "BODY", "WRITE")}
DRAWN = 30_000  # questions in a deck
# how often each kind is drawn; the kinds of the first table can be asked canonically
HOT = {
    "lookup": 40,
    "lookup at": 25,
    "lookup unknown": 5,
    "lookup invalid": 5,
    "confirm": 8,
    "HER-ID": 4,
    "unknown HER-ID": 1,
    "batch of 3": 3,
    "batch of 12": 1,
    "batch of 100": 0.3,  # is answered in turns, with others waiting behind it
    "batch of 1000": 0.05,
}
ORDINARY = {"history": 4, "thing": 8, "thing's head": 4, "thing unchanged": 4, "health": 8, "health's head": 4}
FAULTS = 1  # for each of the kinds that are not named here
HEAVY = {"batch of 100": 8, "batch of 1000": 1, "patient list": 4}


class Stage(NamedTuple):
    """Ready for the soak. `generations` are the names of the two."""

    service: Service
    data_dir: Path
    generations: tuple[str, str]
    decks: Decks

    def announce(self, name: str) -> None:
        """Point CURRENT at a generation, as the loader does."""
        (self.data_dir / "CURRENT.tmp").write_text(f"{name}\n")
        (self.data_dir / "CURRENT.tmp").rename(self.data_dir / "CURRENT")


@contextmanager
def staged(folder: Path, *, seed: int = 1, persons: int = crooked.PERSONS, workers: int = 2) -> Iterator[Stage]:
    """Make the world in `folder`, start the service, and learn the answers of both generations."""
    feed = crooked.write_feed(folder / "feed", seed=seed, persons=persons)
    load(feed, folder / "data")
    generations = both(folder / "data")
    chance = random.Random(seed)
    asked = contents(Register(feed), chance, datetime.now(OSLO).replace(tzinfo=None, microsecond=0))
    with Service(folder / "data", workers=workers, FLR_CORE_DUMPS="true", **UNHURRIED) as service:
        stage = Stage(service, folder / "data", generations, Decks((), (), (), (), ()))
        answers: list[dict[int | None, Answer]] = [{} for _ in asked]
        for name in generations:
            stage.announce(name)
            service.wait("serving", generation=name)
            serial, learnt = learn(service.address["port"], asked)
            for of_content, answer in zip(answers, learnt, strict=True):
                of_content[serial if b"%d" % serial in answer.meant else None] = answer
        yield stage._replace(decks=decks(list(zip(asked, answers, strict=True)), chance))


def both(data_dir: Path) -> tuple[str, str]:
    """The names of the generation in a data folder, and of a copy of it under another serial, which this makes."""
    (one,) = (data_dir / "gen").iterdir()
    other = Path(shutil.copytree(one, data_dir / "gen" / "other"))
    other.chmod(0o750)
    manifest = other / "manifest.json"
    said = manifest.read_bytes()
    manifest.unlink()
    manifest.write_bytes(said.replace(b'"serial": 1,', b'"serial": 2,'))
    assert json.loads(manifest.read_bytes())["serial"] == 2
    return one.name, other.rename(other.with_name(f"2-{digest8_of(other)}")).name


Known = Sequence[tuple[Content, dict[int | None, Answer]]]


def decks(known: Known, chance: random.Random) -> Decks:
    """What lines draw from."""
    faults = {content.kind: FAULTS for content, _ in known} | dict.fromkeys(HEAVY, 0)
    light = [(content, answers) for content, answers in known if content.kind not in HEAVY]
    canonical = {forms.plain: 3, forms.long: 1}
    hot = _deck(known, HOT, canonical, chance)
    mixed = _deck(known, faults | HOT | ORDINARY, forms.FORMS, chance)
    heavy = _deck(known, HEAVY, forms.FORMS, chance)
    last = [form(*chance.choice(light), chance) for form in forms.LAST_FORMS for _ in range(1000)]
    bodies = [content for content, _ in light if content.kind == "lookup"]
    refused = [question for content in chance.sample(bodies, 50) for question in forms.refused(content)]
    return Decks(hot, mixed, heavy, last, refused)


def _deck(
    known: Known, weights: Mapping[str, float], ways: Mapping[forms.Form, int], chance: random.Random
) -> list[Question]:
    """Questions as often as their kinds are to be drawn, each kind's contents alike, in forms by weight."""
    of_kind: dict[str, list[Question]] = {}
    for content, answers in known:
        if weights.get(content.kind):
            drawn = chance.choices(list(ways), list(ways.values()), k=2)
            of_kind.setdefault(content.kind, []).extend(form(content, answers, chance) for form in drawn)
    kinds = chance.choices(list(of_kind), [weights[kind] for kind in of_kind], k=DRAWN)
    return [chance.choice(of_kind[kind]) for kind in kinds]
