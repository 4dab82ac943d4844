"""Recipes: from a folder of classes to a classifier, by settings written into the project.

A recipe is a leaf of conf/recipe: splits, features and classifiers. Settings are edited where a person would edit them,
in params.yaml, and comments are kept, so that `dvc repro` continues from there.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from regenre import config, files, paths
from regenre.errors import UserError
from regenre.kinds import Names, strict_dataclass


@strict_dataclass
class Recipe:
    """A leaf of conf/recipe: names that conf/ has, and nothing else."""

    splits: Names
    features: Names
    classifiers: Names


def apply_recipe(recipe: str, source: str) -> list[Path]:
    """Set the grid and the dataset.

    Parameters
    ----------
    recipe : name of a leaf of conf/recipe
    source : a folder with one sub-folder per class, or the name of a dataset, a leaf of conf/dataset

    Returns
    -------
    the files that were written

    Raises
    ------
    UserError
        There is no such recipe, or the source is neither.
    """
    config.check_names("recipe", "recipe", [recipe])
    conf, params = paths.locate_conf(), paths.locate_params()
    grid = _read_recipe(conf / "recipe" / f"{recipe}.yaml")
    if source != "folder" and (conf / "dataset" / f"{source}.yaml").is_file() and not Path(source).is_dir():
        _edit(params, {"dataset": source, **grid})
        return [params]
    folder = Path(source).expanduser()
    if not source or not folder.is_dir():
        datasets = ", ".join(sorted(path.stem for path in (conf / "dataset").glob("*.yaml")))
        raise UserError(
            f"{source or 'nothing'}: a folder with one sub-folder per class expected, or one of {datasets};"
            " neither found"
        )
    _edit(params, {"dataset": "folder", "source": str(folder.resolve()), **grid})
    return [params]


def _read_recipe(path: Path) -> dict[str, list[str]]:
    recipe = config.read_leaf(path, Recipe)
    grid = {key: getattr(recipe, key) for key in config.GROUPS}
    for key, group in config.GROUPS.items():
        config.check_names(f"{path.name}: {key}", group, grid[key])
    return grid


def _edit(path: Path, values: Mapping[str, Any]) -> None:
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1000  # do not wrap lines
    yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    content = yaml.load(path)
    for key, value in values.items():
        if isinstance(value, list):
            sequence = CommentedSeq(value)
            sequence.fa.set_flow_style()
            content[key] = sequence
        else:
            content[key] = value
    stream = io.StringIO()
    yaml.dump(content, stream)
    files.write_text(path, stream.getvalue())
