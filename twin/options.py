"""Options that several commands share, and how they print."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

scenario_argument = click.argument("scenario", type=click.Path(path_type=Path))
run_argument = click.argument("run", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print only JSON on stdout.")
jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes."
)


def overrides_option(command: F) -> F:
    """``--set path=value``, repeatable."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="PATH=VALUE",
        help="Replace a field, such as nodes.dc.stock=400; repeatable.",
    )(command)


def seed_option(default: int = 0) -> Callable[[F], F]:
    """``--seed``."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**31 - 1),
        default=default,
        show_default=True,
        help="Seed of every random stream.",
    )


def path_option(
    *flags: str, text: str, default: str | None = None, **more: Any
) -> Callable[[F], F]:
    """An option that names a file or a folder."""
    path = None if default is None else Path(default)
    kind = click.Path(path_type=Path)
    return click.option(*flags, type=kind, default=path, show_default=True, help=text, **more)


def out_option(text: str) -> Callable[[F], F]:
    """``--out``, with its own help text."""
    return path_option("--out", text=text)


def choice_option(
    flag: str, choices: Sequence[str], text: str, default: str | None = None
) -> Callable[[F], F]:
    """An option that is one of a few words."""
    kind = click.Choice(choices)
    return click.option(flag, type=kind, default=default, show_default=True, help=text)


def count_option(
    flag: str, text: str, default: int | None = None, most: int | None = None, least: int = 1
) -> Callable[[F], F]:
    """An option that is a whole number from ``least`` to ``most``."""
    kind = click.IntRange(least, most)
    return click.option(flag, type=kind, default=default, show_default=True, help=text)


def share_option(flag: str, text: str, default: float, most: float = 1.0) -> Callable[[F], F]:
    """An option that is a share, not negative."""
    kind = click.FloatRange(0, most)
    return click.option(flag, type=kind, default=default, show_default=True, help=text)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))
