"""Reports for people: a pure function of a run folder."""

from reports.render import render_report

__all__ = ["render_report"]
