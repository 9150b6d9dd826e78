"""Percentiles and the table they are shown in."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, in milliseconds."""

    name: str
    milliseconds: Sequence[float]
    aim: str = ""

    @property
    def n(self) -> int:
        return len(self.milliseconds)

    def percentile(self, share: float) -> float:
        """Nearest-rank percentile."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]

    @property
    def p50(self) -> float:
        return self.percentile(0.50)

    @property
    def p99(self) -> float:
        return self.percentile(0.99)


def table(figures: Sequence[Figure]) -> str:
    """Markdown, so that it can go into docs/performance.md as it is."""
    rows = ["| what | n | p50 ms | p95 ms | p99 ms | max ms | aim |", "|---|---:|---:|---:|---:|---:|---|"]
    for each in figures:
        numbers = (each.p50, each.percentile(0.95), each.p99, max(each.milliseconds))
        rows.append(f"| {each.name} | {each.n} | " + " | ".join(f"{x:.2f}" for x in numbers) + f" | {each.aim} |")
    return "\n".join(rows)
