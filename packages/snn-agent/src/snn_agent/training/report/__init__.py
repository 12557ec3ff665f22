"""The report of a run: one page that needs nothing but a browser."""

from snn_agent.training.report.page import write_report

__all__ = ["write_report"]
