"""A figure, its reference and its target."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Target:
    """What must be reached: a ratio to the reference, or a value of the hub itself."""

    of: Literal["ratio", "value"]
    at: Literal["least", "most"]
    bound: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what each round measured, on both sides.

    A round measures the hub and its reference one after the other, so the ratio is taken per round and then the
    median: what else the machine does falls on both.
    """

    measure: str
    name: str
    unit: str
    hub: Sequence[float]
    reference: Sequence[float] = ()
    against: str = ""
    target: Target | None = None

    @property
    def ratios(self) -> list[float]:
        """Hub divided by reference, per round."""
        if not self.reference:
            return []
        return [hub / reference for hub, reference in zip(self.hub, self.reference, strict=True) if reference]

    @property
    def is_reached(self) -> bool | None:
        """Tell whether the target is reached; None: there is none."""
        if self.target is None:
            return None
        seen = median(self.ratios) if self.target.of == "ratio" else median(self.hub)
        return seen >= self.target.bound if self.target.at == "least" else seen <= self.target.bound


@dataclass(frozen=True, slots=True)
class Failure:
    """A measure without a figure, and why."""

    measure: str
    reason: str
