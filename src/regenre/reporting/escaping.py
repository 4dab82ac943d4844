r"""Names that strangers choose (classes, clips, files, folders), as each medium can show them.

Tables on disk hold the names as they are. A name is escaped once, where the text for people is built. HTML needs less
than the others: Jinja escapes its markup.

    escape_page      for HTML, before Jinja escapes the markup
    read_template    a template of HTML or SVG that does so
    mark_code        sentences with `names`, as HTML
    escape_markdown  for cards and summaries
    escape_figure    for texts of matplotlib
    escape_sheet     for CSV tables that people open in a spreadsheet; `tables.read_report` removes it
    name_metric      for names in MLflow
"""

import re
from collections.abc import Sequence
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup, escape

from regenre.common.errors import escape_terminal

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_METRIC = 250  # characters; MLflow refuses a longer name
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$&#]|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word marks nothing
_FORMULA = re.compile(r"(?:\A|(?<=[\r\n]))(?=[=+\-@\t\r'])")
_NOT_IN_METRICS = re.compile(r"[^\w. -]")


def escape_page(value: Any) -> Any:
    """Return a value of a template, a text as one line (`finalize` of Jinja's environment).

    Jinja escapes markup alone. A browser hides line breaks and control characters, and obeys marks that turn the
    direction of the rest of the line.
    """
    return escape_terminal(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def read_template(name: str) -> "Template":
    """Return a file of templates/, in which every value is escaped and has to be there."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=escape_page,
    )
    return environment.get_template(name)


def mark_code(sentences: Sequence[str]) -> Markup:
    """Return sentences as HTML; `names` become code."""
    return Markup(" ".join(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))) for text in sentences))


def escape_markdown(text: str) -> str:
    """Return Markdown that shows this text, in a sentence or in the cell of a table.

    `|` and line breaks would end the cell, `<` begins HTML, `$` a formula, `&` an entity.
    """
    return _MARKDOWN.sub(r"\\\g<0>", escape_terminal(text))


def escape_figure(text: str) -> str:
    r"""Return a text for matplotlib that shows this text.

    Two `$` make mathtext, which raises an error if it cannot be parsed. matplotlib shows `\$` as `$`.
    """
    return escape_terminal(text).replace("$", r"\$")


def escape_sheet(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts a spreadsheet shows: a line that begins like a formula has `'` before it.

    A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, and some begin a cell at every line break. A line
    that begins with `'` gets another one, so that removing one `'` from each line restores every text.
    """
    texts = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    return table.assign(**{str(column): table[column].map(_quote_formula) for column in texts})


def name_metric(name: str) -> str:
    """Return a name for a metric, parameter or tag of MLflow; two names never become one.

    MLflow refuses most punctuation, and only when all the work is done. Each character but letters, digits and `_.- `
    becomes `:<its code point in hexadecimal>:`, so `f1.R&B` becomes `f1.R:26:B` and can be read back. A name that is
    too long ends with the digest of the whole. `/` is among the characters, for MLflow takes it for a folder.
    """
    escaped = _NOT_IN_METRICS.sub(lambda char: f":{ord(char[0]):x}:", name)
    if len(escaped) <= LONGEST_METRIC:
        return escaped
    end = f":md5:{md5(name.encode(errors='surrogatepass'), usedforsecurity=False).hexdigest()}"
    return escaped[: LONGEST_METRIC - len(end)] + end


def _quote_formula(value: Any) -> Any:
    return _FORMULA.sub("'", value) if isinstance(value, str) else value
