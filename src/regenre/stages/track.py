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
        genres = pd.read_csv(config.REPORTS / "per_genre.csv")
        cells = [_cell(name, genres, *parts) for parts in config.grid().cells]
        n_logged, uri = tracking.track(name, cells)
        print(
            f"track {name}: {n_logged} runs logged, {len(cells) - n_logged} already there, in {uri}; `make ui` shows them"
        )


def _cell(dataset: str, genres: pd.DataFrame, split: str, features: str, classifier: str) -> tracking.Cell:
    name = config.cell_name(split, features, classifier)
    folder = config.cell_folder(dataset, name)
    content = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    scores = json.loads((config.REPORTS / "metrics" / f"{name}.json").read_text(encoding="utf-8"))
    own = genres[(genres["split"] == split) & (genres["features"] == features) & (genres["classifier"] == classifier)]
    per_genre = {
        f"{score}.{row['genre']}": row[score]
        for _, row in own.iterrows()
        for score in ("precision", "recall", "f1")
        if pd.notna(row[score])
    }
    digests = {f"data.{family}.md5": listed["md5"] for family, listed in content["config"]["families"].items()}
    return tracking.Cell(
        name=name,
        config=content["chosen"]
        | {f"{key}_settings" if key in content["chosen"] else key: value for key, value in content["config"].items()},
        metrics=scores | per_genre,
        tags=content["chosen"] | digests | {"data.index.md5": content["index_md5"]},
        artifacts={
            folder / "predictions.csv": "",
            folder / "cell.json": "",
            config.REPORTS / "figures" / "confusion" / f"{name}.png": "figures",
        },
    )


if __name__ == "__main__":
    main()
