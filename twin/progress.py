"""Progress bars on stderr for whatever takes more than two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Stage:
    """One line of progress: ``stage(share, note)`` moves it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, share: float, note: str = "") -> None:
        """Set the share done, 0 to 1, and a short note."""
        self._progress.update(self._task, completed=100 * share, note=note)


@contextmanager
def stages(quiet: bool = False) -> Iterator[Progress]:
    """A live display of stages on stderr."""
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        refresh_per_second=4,
        disable=quiet,
    )
    with progress:
        yield progress


@contextmanager
def stage(progress: Progress, title: str) -> Iterator[Stage]:
    """One stage of the display; done when the block ends without an error."""
    task = progress.add_task(title, total=100, note="")
    line = Stage(progress, task)
    yield line
    progress.update(task, completed=100)
