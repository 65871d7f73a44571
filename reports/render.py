"""Write the report of a run folder: one HTML file that needs nothing but a browser."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from agents.checkpoint.files import write_file

if TYPE_CHECKING:
    from reports.view import ReportView

TEMPLATES = Path(__file__).parent / "templates"
REPORT = "report.html"


def render_report(run_dir: Path) -> Path:
    """Write ``report.html`` into a run folder and return its path; same folder, same bytes.

    Raises UsageError when the folder is not a run or a file in it is damaged.
    """
    from reports.load import load_run
    from reports.view import build_view

    html = report_html(build_view(load_run(run_dir)))
    write_file(run_dir / REPORT, html.encode())
    return run_dir / REPORT


def report_html(view: ReportView) -> str:
    """The page: all text is escaped, and only the two inline blocks below may run."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = _asset("report.css"), _asset("report.js")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        view=view,
        style=Markup(style),
        script=Markup(script),
        policy=content_policy(style, script),
    )


def content_policy(style: str, script: str) -> str:
    """Content security policy: nothing from outside, and no inline code but these two."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
