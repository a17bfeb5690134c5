"""The progress of a study's runs, in one line."""

import logging
import sys
import time
from collections.abc import Mapping, Sequence

import click
from tqdm import tqdm

QUIET_SECONDS = 30.0
"""Between two lines where there is no terminal."""
SHOWN = 6
"""Runs in progress that are named."""


class Progress:
    """What workers report of their runs: an actor, whose loss costs nothing but the display."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, ...], tuple[str, int]] = {}
        self._records: list[logging.LogRecord] = []

    def report(self, chain: tuple[str, ...], run: str, step: int) -> None:
        """A task is at this step of this one of its runs."""
        self._steps[chain] = run, step

    def log(self, record: logging.LogRecord) -> None:
        """Keep what a worker logged."""
        self._records.append(record)

    def news(self) -> tuple[dict[tuple[str, ...], tuple[str, int]], list[logging.LogRecord]]:
        """The run and the step that each task is at, and what was logged since the last call."""
        records, self._records = self._records, []
        return self._steps, records


class Display:
    """One bar for the whole study, or, where there is no terminal, a line every half minute.

    Args:
        chains: runs by name, those of one task in one tuple.
        steps: of each run.
    """

    def __init__(self, chains: Sequence[tuple[str, ...]], steps: Mapping[str, int]) -> None:
        self._chains, self._steps = list(chains), steps
        self._at: dict[tuple[str, ...], tuple[str, int]] = {}
        self._done: set[tuple[str, ...]] = set()
        self._failed = 0
        self._total = sum(map(len, chains))
        self._next = time.monotonic() + QUIET_SECONDS
        layout = "{desc} {percentage:3.0f}% |{bar:20}| {elapsed}<{remaining}{postfix}"
        self._bar = tqdm(total=self._total, bar_format=layout, dynamic_ncols=True, disable=not sys.stderr.isatty())

    def update(self, at: Mapping[tuple[str, ...], tuple[str, int]]) -> None:
        """Show where the tasks are."""
        self._at = dict(at)
        self._show()

    def finish(self, chain: tuple[str, ...], failed: bool = False) -> None:
        """Count a task as over."""
        self._done.add(chain)
        self._failed += len(chain) if failed else 0
        self._show()

    def close(self) -> None:
        """Leave the last state behind."""
        self._next = 0.0
        self._show()
        self._bar.close()

    def log(self, record: logging.LogRecord) -> None:
        """Pass on what a worker logged."""
        self._bar.clear()
        logging.getLogger(record.name).handle(record)

    def state(self) -> tuple[int, float, list[str]]:
        """Runs done, the same with fractions of runs, and a few words on each run in progress."""
        done, share, words = sum(map(len, self._done)), float(sum(map(len, self._done))), []
        for chain in self._chains:
            if chain in self._done or chain not in self._at:
                continue
            run, step = self._at[chain]
            part = min(1.0, step / self._steps[run])
            done += chain.index(run)
            share += chain.index(run) + part
            words.append(f"{run} {'scoring' if part == 1 else f'{part:.0%}'}")
        more = [f"and {len(words) - SHOWN} more"] if len(words) > SHOWN else []
        return done, share, words[:SHOWN] + more

    def _show(self) -> None:
        done, share, words = self.state()
        line = f"{done} of {self._total} runs" + (f", {self._failed} failed" if self._failed else "")
        if not self._bar.disable:
            self._bar.n = share
            self._bar.set_description_str(line, refresh=False)
            self._bar.set_postfix_str(", ".join(words), refresh=True)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + QUIET_SECONDS
            click.echo(f"{line}{': ' if words else ''}{', '.join(words)}", err=True)
