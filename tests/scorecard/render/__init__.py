"""The scorecard's looks: a table for the terminal, a page for people. Pure: Report in, text out."""

from tests.scorecard.render.page import html
from tests.scorecard.render.picture import svg
from tests.scorecard.render.table import table

__all__ = ["html", "svg", "table"]
