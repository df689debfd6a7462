"""The profiles: how many ask when, and what happens meanwhile. And the consumers: who asks, and how much of it all.

Rates. No figures of the real register are public. All national base registers together answered 7.3 billion lookups in
2023, of which 1.7 billion were not about organisations: 54 a second, and no more than that is ours on an average day.
(Had every e-prescription, issued or dispensed, and every consultation led to one lookup, it would be 3.3.) Peaks are
not published; the service is designed for ten times the average. Shares are derived from what people do in a
year: 88 million e-prescriptions issued and dispensed, 32 million consultations and contacts.
"""

from typing import NamedTuple

AVERAGE = 54.0
PEAK = 10.0
# of the average, hour by hour: surgeries open at eight, and close at four
DAY = (
    *(0.22, 0.16, 0.13, 0.12, 0.14, 0.22, 0.50, 1.20, 2.30, 2.65, 2.55, 2.35),
    *(2.05, 2.10, 1.90, 1.60, 1.05, 0.72, 0.56, 0.44, 0.35, 0.28, 0.22, 0.19),
)
MONTH_START, NODE_LOSS = "month-start", "node-loss"


class Profile(NamedTuple):
    """A load. `curve` is the rate over the run, in shares of the average rate, from its beginning to its end."""

    name: str
    told: str
    curve: tuple[float, ...]
    nodes: int = 1

    def rate(self, share: float) -> float:
        """How many averages, when this share of the run is over: on the straight line between two points."""
        place = min(max(share, 0.0), 1.0) * (len(self.curve) - 1)
        before = min(int(place), len(self.curve) - 2)
        return self.curve[before] + (self.curve[before + 1] - self.curve[before]) * (place - before)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("normal", "a working day, its 24 hours in one run", (*DAY, DAY[0])),
        Profile("peak", "ten times the average, after a quarter in which it rises", (1, PEAK, PEAK, PEAK, PEAK)),
        Profile(
            MONTH_START,
            "a month's first day is loaded, and then a full feed, while the day is busiest",
            (2.3, 2.6, 2.3),
        ),
        Profile(NODE_LOSS, "one of two nodes is killed, and returns", (2.3, 2.6, 2.3), nodes=2),
    )
}


class Consumer(NamedTuple):
    """Who asks. `share` of the rate; or, where that is 0, `steady` users that ask once a second."""

    name: str
    role: str
    share: int = 0
    steady: int = 0


CONSUMERS = {
    consumer.name: consumer
    for consumer in (
        Consumer("e-resept", "FlrLookup", share=50),
        Consumer("kjernejournal", "FlrRead", share=25),
        Consumer("journal-soap", "FlrRead", share=15),
        Consumer("legevakt", "FlrRead", share=6),
        Consumer("amk", "FlrLookup", share=4),
        Consumer("nav", "FlrReadAllPatients", steady=1),
        Consumer("follower", "FlrReadAllPatients", steady=1),
    )
}
