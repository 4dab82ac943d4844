"""Log every cell of the grid to MLflow.

Reads: data/cells/<dataset>/, reports/, params.yaml. Writes: runs in the store (MLFLOW_TRACKING_URI, or
sqlite:///mlflow.db), none twice.
"""

import json

import hydra
import pandas as pd
from omegaconf import DictConfig

from regenre import config, tracking
from regenre.errors import reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Log what the store does not have yet."""
    with reported():
        name = config.chosen("dataset")
        summary, genres = (pd.read_csv(config.REPORTS / f"{table}.csv") for table in ("summary", "per_genre"))
        cells = [_cell(name, summary, genres, *parts) for parts in config.grid().cells]
        n_logged, uri = tracking.track(name, cells)
        print(f"track {name}: {n_logged} runs logged, {len(cells) - n_logged} already there, in {uri}; see `make ui`")


def _cell(
    dataset: str, summary: pd.DataFrame, genres: pd.DataFrame, split: str, features: str, classifier: str
) -> tracking.Cell:
    name = config.cell_name(split, features, classifier)
    folder = config.cell_folder(dataset, name)
    content = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    chosen = content["chosen"]
    own_row, own_genres = (_matching(table, chosen) for table in (summary, genres))
    scores = {str(key): float(value) for key, value in own_row.iloc[0].drop(list(chosen)).items()}
    per_genre = {
        f"{score}.{row['genre']}": float(row[score])
        for row in own_genres.to_dict("records")
        for score in ("precision", "recall", "f1")
        if pd.notna(row[score])
    }
    families = content["config"].pop("families")
    settings = {"family": {key: listed["settings"] for key, listed in families.items()}, **content["config"]}
    digests = {f"data.{key}.md5": md5 for key, md5 in content["md5"].items()}
    return tracking.Cell(
        name=name,
        params=chosen | tracking.flattened(settings),
        metrics={**scores, **per_genre},
        tags=chosen | digests,
        artifacts={
            folder / "predictions.csv": "",
            folder / "cell.json": "",
            config.REPORTS / "figures" / "confusion" / f"{name}.png": "figures",
        },
    )


def _matching(table: pd.DataFrame, chosen: dict[str, str]) -> pd.DataFrame:
    return table[(table[list(chosen)] == pd.Series(chosen)).all(axis=1)]


if __name__ == "__main__":
    config.run(main)
