"""How a score is read: every scorer declares the measures that it gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """How a score is named, printed and read."""

    label: str
    short: str
    """For narrow columns."""
    decimals: int
    better: str
    """`higher`, `lower`, or nothing where neither is."""
    note: str
    """What it is, for the report."""
    factor: float = 1
    """What the printed number is multiplied by."""
    headline: bool = False
    """Whether it stands at the top of a report, and methods are compared by it."""
    compared: bool = False
    """Whether methods are compared by it, too, where it is no headline."""
    logarithmic: bool = False
    """Whether it falls by powers of ten while a method learns."""
    decides: int = 0
    """Of the measures that a data set has, that of the smallest number decides; 0: never."""
