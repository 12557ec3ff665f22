"""The page of a study: one file that needs nothing but a browser, and tidy tables beside it."""

from studies.page.data import StudyData, read_study
from studies.page.page import write_page
from studies.page.tidy import write_tables

__all__ = ["StudyData", "read_study", "write_page", "write_tables"]
