"""Everything that is known of one run or several, for people: a page, Markdown, JSON. Needs no TensorFlow."""

from __future__ import annotations

from qat_kit.overview.facts import Overview, RunFacts, gather
from qat_kit.overview.markdown import as_markdown
from qat_kit.overview.page import as_html

__all__ = ["Overview", "RunFacts", "as_html", "as_markdown", "gather"]
