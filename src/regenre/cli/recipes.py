"""Recipes: from a folder of classes to a classifier, by settings written into the project.

A recipe is a leaf of conf/recipe: splits, features, features of networks, and classifiers. Settings are edited where a
person would edit them, in params.yaml, and comments are kept, so that `dvc repro` continues from there.
"""

import io
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from regenre.common import config, files, paths
from regenre.common.errors import UserError
from regenre.common.kinds import Names, strict_dataclass
from regenre.features.family import Family, TableFamily


@strict_dataclass
class Recipe:
    """A leaf of conf/recipe: names that conf/ has, and nothing else.

    Attributes
    ----------
    networks : features that are taken too if their networks, and the library that runs them, are there
    """

    splits: Names
    features: Names
    classifiers: Names
    networks: Names = field(default_factory=list)


def apply_recipe(recipe: str, source: str) -> tuple[list[Path], dict[str, str]]:
    """Set the grid and the dataset.

    Parameters
    ----------
    recipe : name of a leaf of conf/recipe
    source : a folder with one sub-folder per class, or the name of a dataset, a leaf of conf/dataset

    Returns
    -------
    the files that were written
    the features that are left out -> the reason

    Raises
    ------
    UserError
        There is no such recipe, or the source is neither.
    """
    config.check_names("recipe", "recipe", [recipe])
    conf, params = paths.locate_conf(), paths.locate_params()
    grid, left_out = _read_recipe(conf / "recipe" / f"{recipe}.yaml")
    if source != "folder" and (conf / "dataset" / f"{source}.yaml").is_file() and not Path(source).is_dir():
        _edit(params, {"dataset": source, **grid})
        return [params], left_out
    folder = Path(source).expanduser()
    if not source or not folder.is_dir():
        datasets = ", ".join(sorted(path.stem for path in (conf / "dataset").glob("*.yaml")))
        raise UserError(
            f"{source or 'nothing'}: a folder with one sub-folder per class expected, or one of {datasets};"
            " neither found"
        )
    _edit(params, {"dataset": "folder", "source": str(folder.resolve()), **grid})
    return [params], left_out


def _read_recipe(path: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the grid, and the features without their networks -> the reason."""
    recipe = config.read_leaf(path, Recipe)
    grid = {key: getattr(recipe, key) for key in config.GROUPS}
    for key, group in config.GROUPS.items():
        config.check_names(f"{path.name}: {key}", group, grid[key])
    config.check_names(f"{path.name}: networks", config.GROUPS["features"], recipe.networks)
    left_out = {}
    for features in recipe.networks:
        try:
            _build_families(features)
            grid["features"] = [*grid["features"], features]
        except UserError as error:
            left_out[features] = str(error)
    return grid, left_out


def _build_families(features: str) -> None:
    """Raise `UserError` if a family of a feature set cannot be computed."""
    settings = config.compose_settings()
    for name in config.read_feature_set(features).families:
        config.build(settings.family[name], f"conf/family/{name}.yaml", Family, TableFamily)


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
