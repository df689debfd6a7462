"""What one run is: which profile, against what, and who asks. Written by who judges, for the processes that ask."""

from pathlib import Path

import msgspec

from bench.operations.profiles import CONSUMERS, PROFILES, Profile

PLAN = "FLR_LOAD_PLAN"  # names the file of it, in the environment: nothing of it is for a command line
BEGUN, DONE = "begun", "done"  # files: when the first was asked; that all has happened that was to happen
EACH = 1.0  # questions a second of one user


class Plan(msgspec.Struct, frozen=True):
    """`rate` is the average, requests a second; `feeds` the full feed behind each generation, by its serial;
    `credentials` the Authorization of each consumer, and empty where none is asked for.
    """

    profile: str
    seconds: float
    rate: float
    nodes: list[str]
    feeds: dict[int, str]
    credentials: dict[str, str]
    folder: str

    @property
    def shape(self) -> Profile:
        """The profile itself."""
        return PROFILES[self.profile]

    def users(self, share: float) -> int:
        """How many users there are to be when this share of the run is over."""
        steady = sum(consumer.steady for consumer in CONSUMERS.values())
        return steady + max(1, round(self.rate * self.shape.rate(share) / EACH))

    def asked(self, second: int) -> float:
        """How many requests are to be made in a second of the run."""
        steady = sum(consumer.steady for consumer in CONSUMERS.values())
        return steady + self.rate * self.shape.rate((second + 0.5) / self.seconds)

    def write(self) -> Path:
        """Put it into its folder."""
        path = Path(self.folder) / "plan.json"
        path.touch(0o600)
        path.write_bytes(msgspec.json.encode(self))
        return path

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """What was written."""
        return msgspec.json.decode(path.read_bytes(), type=cls)
