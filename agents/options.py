"""Options that name a policy, or something of a fleet."""

from __future__ import annotations

import click

from twin.options import path_option

policy_option = click.option(
    "--policy",
    default="base_stock",
    show_default=True,
    help="constant, base_stock, weekday_base_stock, s_s, r_q, or the folder of a trained fleet "
    "or of a third party's agent.",
)
registry_option = path_option(
    "--registry", text="Folder of the model registry.", default="registry"
)
sabotage_option = click.option(
    "--sabotage",
    default="",
    metavar="KIND",
    help="Spoil the fleet on purpose: 'shuffled', or 'muted:AGENT'.",
)
