"""One HTML page about runs: `write_report`."""

from __future__ import annotations

from graphcondense.report.page import write_report

__all__ = ["write_report"]
