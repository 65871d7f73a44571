"""The front door: ``twin COMMAND``. A lazy table of strings; nothing imports this module.

Exit codes: 0 pass, 1 the verdict is not PASS, 2 usage, 3 invalid input file, 4 internal,
5 nothing selected, 130 interrupted (what was begun can be resumed).
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import Any

import click

from twin.errors import TwinError

COMMANDS = {
    "new": ("twin.commands:new", "Write a scenario file to start from."),
    "check": ("twin.commands:check", "Check scenario files and point at every problem."),
    "show": ("twin.commands:show", "Show a network in words, or resolved as YAML or JSON."),
    "explain": ("twin.authoring_commands:explain", "Explain a field of a file."),
    "diff": ("twin.authoring_commands:diff", "Say what changed between two scenarios."),
    "sweep": ("twin.authoring_commands:sweep", "List or write the variants of a sweep file."),
    "schema": ("twin.authoring_commands:schema", "Write the JSON Schemas that editors read."),
    "import": (
        "twin.importers.commands:import_command",
        "Turn files of other programs into a scenario.",
    ),
    "doctor": ("twin.commands:doctor", "Check this installation."),
    "simulate": ("agents.commands:simulate", "Run a network under a policy for some seeds."),
    "export": ("agents.export_commands:export", "Write GeoJSON, EPCIS events, or the ledger."),
    "serve-tools": (
        "stress.wire.commands:serve_tools",
        "Serve the tools of a run over HTTP, or MCP.",
    ),
    "risk": ("agents.risk_commands:risk", "Take one node out at a time: cost, service, recovery."),
    "bound": ("agents.bound_commands:bound", "What a scenario leaves to win: the LP bound."),
    "train": ("stress.commands:train", "Train a fleet, by MAPPO or another algorithm."),
    "audit": ("agents.credit_commands:audit", "Which agents of a fleet pull their weight."),
    "tune": ("agents.tune_commands:tune", "Search hyper-parameters for a scenario."),
    "drift": ("agents.drift_commands:drift", "How a fleet differs from the one it came from."),
    "stress": ("stress.commands:stress", "Run the stress campaign on a trained fleet."),
    "attack": ("stress.adversary.commands:attack", "Search for the cheapest failure of a fleet."),
    "judge": ("stress.verdict_commands:judge", "Judge a stressed run by a gate file."),
    "promote": ("stress.verdict_commands:promote", "Make a run that passed the champion."),
    "rollback": (
        "stress.verdict_commands:rollback",
        "Make an earlier champion reign again.",
    ),
    "replay": ("stress.commands:replay", "Run one stress case again and compare its digest."),
    "trace": ("agents.trace_commands:trace", "Tell one decision of an agent in words."),
    "report": ("reports.commands:report", "Write the HTML report of a run."),
    "prove": ("reports.commands:prove", "Everything: tune, train, stress, judge, promote, report."),
}


class LazyGroup(click.Group):
    """Loads a command's module when the command is run; suggests names for typos."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, or None when there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with a suggestion when the name is unknown."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            close = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f" Did you mean {close[0]!r}?" if close else f" Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 pass, 1 verdict not PASS, 2 usage, 3 invalid file, 4 internal, "
    "5 nothing selected, 130 interrupted.",
)
@click.version_option(package_name="logistics-twin", prog_name="twin")
def command_line() -> None:
    """A digital twin of logistics networks: simulate, train, stress, judge, promote."""


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit; no input of a user ever shows a traceback."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        result: Any = command_line.main(args=args, prog_name="twin", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Interrupted. What is finished is kept: run it again, with --resume if it has it.",
            err=True,
        )
        return 130
    except TwinError as error:
        click.echo(f"error: {error}" if error.exit_code != 3 else str(error), err=True)
        return error.exit_code
    except BrokenPipeError:
        # The reader has gone (`twin ... | head`); leave without a second complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        click.echo(_missing(error), err=True)
        return 4
    except Exception as error:
        if os.environ.get("TWIN_DEBUG"):
            raise
        click.echo(
            f"internal error: {type(error).__name__}: {error}\n"
            "Set TWIN_DEBUG=1 to see where; please report it.",
            err=True,
        )
        return 4
    return result if isinstance(result, int) else 0


def _missing(error: ModuleNotFoundError) -> str:
    heavy = {"torch", "safetensors", "mlflow", "sqlalchemy", "alembic"}
    name = (error.name or "").partition(".")[0]
    if name in heavy:
        return f"{name} is not installed. Install it with: pip install 'logistics-twin[train]'"
    return f"cannot import {error.name}: {error}"


if __name__ == "__main__":
    main()
