"""Pages of the documentation that are made when it is built; mkdocs.yml names this file as its hook.

- a page for each family of conf/family: formula, what it hears, settings
- the settings of each group of conf/, and of params.yaml
- the commands, from the parser's own help, and the stages
- the notebook, executed
- documents outside docs/, and the pictures that pages show
- links that leave docs/ lead to the page that is made of their target; without one, their text stays
"""

import ast
import io
import os
import re
from base64 import b64decode
from contextlib import redirect_stdout, suppress
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

import nbformat
import pictures
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbclient import NotebookClient

from regenre.cli.main import main
from regenre.common.config import read_yaml
from regenre.features.families import musicnn
from regenre.features.family import is_per_clip
from regenre.features.frames import Frames
from regenre.inference.api import make_analysis

ROOT = Path(__file__).parents[1]
OUTSIDE = {  # page -> the document that it shows
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
    "reference/data.md": "data/README.md",
}
NOTEBOOK = "docs/notebook.ipynb"
LINK = re.compile(r"\]\(([^)\s:#]+)(#[^)\s]*)?\)")
WIDTH = "84"  # of help, in characters
UNHEARD = {  # what stands in place of a picture
    "text": "Not heard but read: the words of a text.",
    "external": "Not heard but read: a table that was computed elsewhere.",
    "onnx": "What it hears depends on your network: samples, or the log-mel input that its settings describe.",
}


def on_config(config: MkDocsConfig) -> None:
    """Add the pages of families and settings to the navigation."""
    reference = next(part["Reference"] for part in config.nav if "Reference" in part)
    families = [f"reference/families/{name}.md" for name in list_leaves("family")]
    groups = [f"reference/settings/{name}.md" for name in list_groups()]
    reference += [{"Families": families}, {"Settings": ["reference/settings/index.md", *groups]}]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add what is made."""
    pages: dict[str, str | bytes] = {page: (ROOT / name).read_text() for page, name in OUTSIDE.items()}
    pages["reference/data.md"] = f"# The folders of data/\n\n{pages['reference/data.md']!s}"
    pages |= {f"figures/{path.name}": path.read_bytes() for path in (ROOT / "reports/figures").glob("*.png")}
    pages |= {f"reference/settings/{name}.md": describe_group(name) for name in list_groups()}
    pages["reference/settings/index.md"] = describe_grid()
    pages["reference/commands.md"] = describe_commands()
    pages |= make_families()
    pages |= render_notebook((ROOT / NOTEBOOK).read_text())
    for uri, content in pages.items():
        files.append(File.generated(config, uri, content=content))


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links that leave docs/ lead to a page, and names of families in the table of features to theirs."""
    uri = page.file.src_uri
    source = OUTSIDE.get(uri, f"docs/{uri}")

    def follow(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        path = normpath(join(dirname(source), target))
        if (path.startswith("docs/") and source.startswith("docs/") and path != NOTEBOOK) or uri == "notebook.md":
            return match[0]
        place = find_page(path)
        return f"]({relpath(place[0], dirname(uri) or '.')}{anchor or place[1]})" if place else "]()"

    markdown = LINK.sub(follow, markdown)
    markdown = re.sub(r"\[([^\]]+)\]\(\)", r"\1", markdown)
    if uri == "reference/features.md":
        markdown = re.sub(r"^\| `.*? \|", _link_families, markdown, flags=re.MULTILINE)
    return markdown


def find_page(path: str) -> tuple[str, str] | None:
    """Return the page, and the anchor in it, that shows a file of the repository; None if no page does."""
    pages = {name: page for page, name in OUTSIDE.items()} | {"README.md": "index.md", NOTEBOOK: "notebook.md"}
    if path in pages:
        return pages[path], ""
    if path.startswith("docs/"):
        return path.removeprefix("docs/"), ""
    if path.startswith("reports/figures/"):
        return path.removeprefix("reports/"), ""
    if path == "params.yaml":
        return "reference/settings/index.md", "#paramsyaml"
    if path.startswith("conf/"):
        group, _, leaf = path.removeprefix("conf/").partition("/")
        return f"reference/settings/{group}.md", f"#{Path(leaf).stem}" if leaf else ""
    return None


def _link_families(match: re.Match[str]) -> str:
    names = list_leaves("family")
    return re.sub(r"`(\w+)`", lambda name: f"[{name[0]}](families/{name[1]}.md)" if name[1] in names else name[0],
                  match[0])  # fmt: skip


def list_groups() -> list[str]:
    """Return the groups of conf/."""
    return sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir())


def list_leaves(group: str) -> list[str]:
    """Return the names in a group of conf/."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def describe_group(group: str) -> str:
    """Return the page of a group of conf/: each leaf with its values."""
    leaves = [f"## {name}\n\n{show_yaml(f'conf/{group}/{name}.yaml')}" for name in list_leaves(group)]
    return "\n\n".join([f"# conf/{group}", *leaves])


def describe_grid() -> str:
    """Return the page of the settings that are in no group."""
    names = ("params.yaml", "conf/config.yaml", "conf/published.yaml")
    return "\n\n".join(["# Settings", *(f"## {name}\n\n{show_yaml(name)}" for name in names)])


def show_yaml(name: str) -> str:
    """Return a settings file as a block."""
    return f'```yaml title="{name}"\n{(ROOT / name).read_text().strip()}\n```'


def describe_commands() -> str:
    """Return the page of the commands: the help of each, and what each stage reads and writes."""
    overview = read_help()
    commands = re.findall(r"^    ([a-z]+) ", overview, flags=re.MULTILINE)
    blocks = [f"## regenre {name}\n\n```text\n{read_help(name)}```" for name in commands]
    stages = [
        f"### regenre-{name}\n\n{read_docstring(name)}"
        for name in read_yaml(ROOT / "dvc.yaml", resolve=False)["stages"]
    ]
    about = (
        "`dvc repro` runs the stages in this order. Each has a script that takes settings: `regenre-train --help`"
        " prints those of a stage."
    )
    return "\n\n".join(
        ["# Commands", f"```text\n{overview}```", *blocks, "## The stages of the pipeline", about, *stages]
    )


def read_help(*command: str) -> str:
    """Return what a command prints for `--help`."""
    stream = io.StringIO()
    os.environ["COLUMNS"] = WIDTH
    with redirect_stdout(stream), suppress(SystemExit):
        main([*command, "--help"])
    return stream.getvalue()


def read_docstring(stage: str) -> str:
    """Return the docstring of a stage."""
    tree = ast.parse((ROOT / f"src/regenre/stages/{stage}.py").read_text())
    return ast.get_docstring(tree) or ""


@lru_cache(maxsize=1)  # `mkdocs serve` builds again and again
def make_families() -> dict[str, str | bytes]:
    """Return the page of each family and its picture."""
    sounds, pages = pictures.make_sounds(), {}
    for name in list_leaves("family"):
        folder, facts, picture = "reference/families", UNHEARD.get(name, ""), None
        if name == "musicnn":
            bands = {
                what: musicnn._LOG_MEL(Frames(y, pictures.SR, 2048, 512), musicnn._SR) for what, y in sounds.items()
            }
            picture = pictures.draw_rows(tuple(map(str, range(96))), bands)
            facts = "What its networks hear: the log-mel input, 96 bands at 16 kHz."
        elif name not in UNHEARD:
            analysis = make_analysis([name])
            family, columns = analysis.families[name], analysis.name_columns(name)
            picture = pictures.draw_family(family, sounds)
            of = "the clip" if is_per_clip(family) else "each frame, pooled"
            facts = (
                f"{len(family.names)} values of {of}: {len(columns)} columns from `{columns[0]}` to `{columns[-1]}`."
            )
        if picture:
            stream = io.BytesIO()
            picture.savefig(stream, format="png", dpi=110)
            pages[f"{folder}/{name}.png"] = stream.getvalue()
            facts = f"![Speech, music and birdsong, as {name} sees them]({name}.png)\n\n{facts}"
        leaf = f"conf/family/{name}.yaml"
        about = (ROOT / leaf).read_text().splitlines()[0].removeprefix("# ")
        target = read_yaml(ROOT / leaf, resolve=False)["_target_"]
        parts = (f"# {name}", about, facts, f"::: {target}\n    options:\n      members: false", "## Settings",
                 show_yaml(leaf))  # fmt: skip
        pages[f"{folder}/{name}.md"] = "\n\n".join(parts)
    return pages


@lru_cache(maxsize=1)
def render_notebook(source: str) -> dict[str, str | bytes]:
    """Return the page of the notebook after it was executed, and its pictures."""
    notebook = nbformat.reads(source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=None,
        startup_timeout=600,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(ROOT / "docs")}},
    )
    client.execute()
    pages: dict[str, str | bytes] = {}
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                name = f"notebook_{number}.png"
                pages[name] = b64decode(data["image/png"])
                parts.append(f"![{cell.metadata.get('alt', 'A figure')}]({name})")
            elif "text/html" in data:
                parts.append(f"<div>{data['text/html']}</div>")
            else:
                parts.append(f"```text\n{(output.get('text') or data['text/plain']).rstrip()}\n```")
    title, *rest = parts
    about = "[Download the notebook](notebook.ipynb) and run it yourself. Below it is with its results."
    pages["notebook.md"] = "\n\n".join([title, about, *rest])
    return pages
