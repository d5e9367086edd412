"""Figures and promises, and the table of them."""

import dataclasses
import math


@dataclasses.dataclass
class Row:
    part: str
    name: str
    value: str
    promise: str = ""
    kept: bool = True


def percentile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Report:
    def __init__(self, full):
        self.full = full
        self.part = ""
        self.rows = []

    def size(self, full, ci):
        return full if self.full else ci

    def figure(self, name, value, unit=""):
        text = f"{value:.1f}" if isinstance(value, float) else str(value)
        self.rows.append(Row(self.part, name, f"{text} {unit}".strip()))

    def timing(self, name, value, limit, unit="ms"):
        """A promise with --full only."""
        self.rows.append(Row(self.part, name, f"{value:.1f} {unit}",
                             f"≤ {limit} {unit}",
                             value <= limit or not self.full))

    def at_most(self, name, value, limit, unit=""):
        text = f"{value:.1f}" if isinstance(value, float) else str(value)
        self.rows.append(Row(self.part, name, f"{text} {unit}".strip(),
                             f"≤ {limit} {unit}".strip(), value <= limit))

    def none(self, name, found):
        """A list of what should not be."""
        self.rows.append(Row(self.part, name, str(len(found)), "0", not found))
        for text in found[:10]:
            print(f"{self.part}: {name}: {text}", flush=True)

    def kept(self):
        return all(row.kept for row in self.rows)

    def show(self):
        print(f"{'part':8} {'figure':44} {'measured':>16} {'promised':>14}")
        for row in self.rows:
            print(f"{row.part:8} {row.name:44} {row.value:>16} "
                  f"{row.promise:>14}{'' if row.kept else '  BROKEN'}")
