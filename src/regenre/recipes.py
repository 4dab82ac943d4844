"""From a folder of classes to a classifier: a recipe's grid, written into the project's own settings.

A recipe is a leaf of conf/recipe: splits, features and classifiers. The settings are edited where a person would edit
them, params.yaml and conf/dataset/folder.yaml, comments being kept, so that `dvc repro` goes on from there.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from regenre import config, tables
from regenre.errors import UserError


def apply(recipe: str, source: str) -> list[Path]:
    """Set the grid and the dataset.

    Parameters
    ----------
    recipe : name of a leaf of conf/recipe
    source : a folder with a sub-folder a class, or the name of a dataset, a leaf of conf/dataset

    Returns
    -------
    files that were written

    Raises
    ------
    UserError
        There is no such recipe; the source is neither.
    """
    config.check_names("recipe", "recipe", [recipe])
    grid = dict(YAML().load(config.CONF / "recipe" / f"{recipe}.yaml"))
    if source != "folder" and (config.CONF / "dataset" / f"{source}.yaml").is_file() and not Path(source).is_dir():
        _edit(config.PARAMS, {"dataset": source, **grid})
        return [config.PARAMS]
    folder = Path(source).expanduser()
    if not source or not folder.is_dir():
        offered = ", ".join(sorted(path.stem for path in (config.CONF / "dataset").glob("*.yaml")))
        raise UserError(
            f"{source or 'nothing'}: a folder with a sub-folder a class expected, or one of {offered}; neither found"
        )
    leaf = config.CONF / "dataset" / "folder.yaml"
    _edit(leaf, {"folder": str(folder.resolve())})
    _edit(config.PARAMS, {"dataset": "folder", **grid})
    return [leaf, config.PARAMS]


def _edit(path: Path, values: Mapping[str, Any]) -> None:
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1000  # lines stay as they are
    yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    content = yaml.load(path)
    for key, value in values.items():
        if isinstance(value, list):
            listed = CommentedSeq(value)
            listed.fa.set_flow_style()
            content[key] = listed
        else:
            content[key] = value
    stream = io.StringIO()
    yaml.dump(content, stream)
    tables.write_text(path, stream.getvalue())
