"""What the figures have to hold: each bar beside its figure."""

from collections.abc import Iterator, Sequence

from benchmarks.bars import Bar, ratio
from benchmarks.serving.measure import CSV, Figure

DEFAULT, DEEP = "churn", "deep forest"
SAME = 1e-12
NEVER_SLOWER = 1.0

LIMITS: dict[tuple[str, str, int, int], float] = {
    # (case, against, rows, clients) -> ours divided by the other, at most
    (DEFAULT, "naive", 1, 1): 1 / 20,
    (DEFAULT, "floor", 1, 1): 1.6,
    (DEFAULT, "floor", 1, 8): 1.8,
    (DEEP, "floor", 1, 1): 2.2,
    (DEEP, "floor", 1, 8): 2.2,
    (DEFAULT, "naive", 100, 1): 1 / 6,
    (DEFAULT, "naive", 10_000, 1): 1 / 1.2,
}


def of_load(figures: Sequence[Figure]) -> Iterator[Bar]:
    """Yield the bars of the answers' times: ours by naive everywhere, by the floor where a limit says so."""
    by_key = {(f.case, f.side, f.rows, f.kind, f.clients): f for f in figures}
    for (case, side, rows, kind, at_once), ours in by_key.items():
        for against in ("naive", "floor") if side == "ours" else ():
            other = by_key.get((case, against, rows, kind, at_once))
            default = NEVER_SLOWER if against == "naive" else None
            most = LIMITS.get((case, against, rows, at_once), default) if kind == CSV else default
            if other is None or most is None:
                continue
            what = f"{case}: {rows} row{'s' * (rows > 1)} of {kind.split('/')[1]}, {at_once} at once, ours / {against}"
            yield ratio(what, ours.rounds, other.rounds, most)


def of_start(seconds: dict[str, list[float]], slowest: dict[str, list[float]]) -> Iterator[Bar]:
    """Yield the bars of a start: the first healthy ping, and the slowest of the first requests."""
    for what, found, most in (
        ("start to the first healthy ping, ours / naive", seconds, 1.0),
        ("slowest of the first 40 requests, ours / naive", slowest, 1 / 50),
    ):
        yield ratio(what, found["ours"], found["naive"], most)
