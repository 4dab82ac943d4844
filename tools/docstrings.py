"""What mkdocstrings has to know of regenre's docstrings: `name : text` says what a parameter is, not its type."""

import re
from textwrap import indent
from typing import Any

import griffe

SECTION = re.compile(r"^([A-Z]\w+)\n-{3,}\n", re.MULTILINE)
ITEM = re.compile(r"^(\*{0,2}\w[\w, ]*?) : (.*)$", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Writes texts where numpydoc expects them: in the line below the name."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a class or a function."""
        if obj.docstring:
            obj.docstring.value = move_texts(obj.docstring.value)


def move_texts(docstring: str) -> str:
    """Return the docstring with the text of each parameter and result in the line below its name."""
    start, *parts = SECTION.split(docstring)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in ("Parameters", "Attributes"):
            body = ITEM.sub(r"\1\n    \2", body)
        elif name == "Returns":
            body = ITEM.sub(r"\1 :\n    \2", body) if ITEM.search(body) else f":\n{indent(body, '    ')}"
        start += f"{name}\n{'-' * len(name)}\n{body}"
    return start
