"""`reports/index.html`: the results as one page that needs no network.

What the page says is decided here, how it looks in page.html (a Jinja template beside this file).
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from regenre import metrics, plots, report, tables

_SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "macro precision",
    "macro_f1": "macro F1",
    "matthews": "Matthews",
    "top2_accuracy": "top 2",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
_MOST = 12  # clips, confusions and suspects that are listed
_FINDINGS = ("clipped", "dc", "wrong_length", "wrong_rate", "replica", "exact_replica")


@dataclass(frozen=True)
class Reports:
    """The tables of reports/ and what else the page shows.

    Attributes
    ----------
    predictions : cell name -> predictions, of the cells under the most honest split
    sounds : clip_id -> samples and rate of those clips that `shown` names, where there is audio
    published : conf/published.yaml
    configuration : of the best cell, and the grid
    """

    summary: pd.DataFrame
    per_genre: pd.DataFrame
    leak: pd.DataFrame
    audit: pd.DataFrame
    suspects: pd.DataFrame
    importance: pd.DataFrame
    learning_curve: pd.DataFrame
    study: Mapping[str, str]
    expected: float
    predictions: Mapping[str, pd.DataFrame]
    sounds: Mapping[str, tuple[np.ndarray, int]]
    published: Mapping[str, Any]
    configuration: str


def shown(audit: pd.DataFrame, suspects: pd.DataFrame) -> list[str]:
    """The clips whose sound the page shows: the most suspect labels, then the worst of each finding."""
    found = audit[audit["finding"].isin(_FINDINGS)]
    worst = found.assign(size=found["score"].abs()).sort_values(["size", "clip_id"], ascending=[False, True])
    by_finding = worst.groupby("finding").head(2)["clip_id"]
    return list(dict.fromkeys([*suspects["clip_id"].head(4), *by_finding]))[:_MOST]


def render(of: Reports) -> str:
    """The page."""
    top = report.best(of.summary)
    name = "-".join(top[list(report.PARTS)])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    honest = of.summary[of.summary["split"] == top["split"]]
    figures = {"leak": plots.svg("leaks", lambda: plots.leak(of.summary)) if of.summary["split"].nunique() > 1 else ""}
    genres, title = report.genres_of_best(of.summary, of.per_genre)
    figures["per_genre"] = plots.svg("per_genre", lambda: plots.per_genre_f1(genres, title))
    figures["curve"] = plots.svg("curve", lambda: plots.learning_curve(of.learning_curve, of.study["cell"]))
    if len(of.importance):
        figures["importance"] = plots.svg("worth", lambda: plots.bars(of.importance, of.study["cell"]))
    return template.render(
        dataset=top["dataset"],
        answer=_marked(report.sentences(of.summary, of.leak, of.expected)),
        more_data=of.study["more_data"],
        top=top,
        best=name,
        scores=_SCORES,
        cells=_ordered(of.summary, str(top["split"])).to_dict("records"),
        maps={split: _map(of.summary[of.summary["split"] == split]) for split in dict.fromkeys(of.summary["split"])},
        classifiers=list(dict.fromkeys(of.summary["classifier"])),
        leaks=of.leak.sort_values("honest", ascending=False, kind="stable").to_dict("records"),
        genres=genres[genres["split"] == top["split"]].to_dict("records"),
        confusions=[_confusion(cell, made) for cell, made in of.predictions.items()],
        hardest=_hardest(of.predictions[name]),
        curve=of.learning_curve.to_dict("records"),
        studied=of.study["cell"],
        importance=of.importance.to_dict("records"),
        findings=of.audit["finding"].value_counts().sort_index().to_dict(),
        audit=of.audit.to_dict("records"),
        suspects=of.suspects.head(_MOST).to_dict("records"),
        n_suspects=len(of.suspects),
        pictures={clip: _picture(*sound) for clip, sound in of.sounds.items()},
        published=of.published,
        comparable=top["dataset"] == "gtzan" and top["split"] == of.published["split"],
        ours=honest.sort_values("accuracy", ascending=False).head(3).to_dict("records"),
        configuration=of.configuration,
        figures=figures,
        f=_number,
    )


def _marked(sentences: list[str]) -> Markup:
    """Text whose `names` are code."""
    return Markup(" ".join(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))) for text in sentences))


def _number(value: Any, decimals: int = 3) -> str:
    return "" if pd.isna(value) else f"{value:.{decimals}f}"


def _ordered(summary: pd.DataFrame, honest: str) -> pd.DataFrame:
    """The honest split's cells first, the most accurate on top."""
    return summary.assign(other=summary["split"] != honest).sort_values(
        ["other", "split", "accuracy"], ascending=[True, True, False], kind="stable"
    )


def _map(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(features): {str(cell["classifier"]): cell for cell in of.to_dict("records")}
        for features, of in rows.groupby("features", sort=False)
    }


def _confusion(cell: str, predictions: pd.DataFrame) -> dict[str, Any]:
    counts = metrics.confusion(predictions)
    n = counts.sum(axis=1, keepdims=True)
    rates = counts / np.maximum(n, 1)
    genres = tables.genres_of(predictions)
    rows = [
        (genre, list(zip(genres, of.tolist(), share.tolist(), strict=True)), int(of.sum()))
        for genre, of, share in zip(genres, counts, rates, strict=True)
        if of.sum()
    ]
    return {"cell": cell, "genres": genres, "rows": rows, "accuracy": np.trace(counts) / counts.sum()}


def _hardest(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Pairs of genres that are taken for each other most often, with the surest mistakes."""
    counts = predictions.groupby("actual").size()
    wrong = predictions[predictions["actual"] != predictions["predicted"]]
    proba = wrong[[tables.PROBA + genre for genre in tables.genres_of(wrong)]].max(axis=1)
    found: list[dict[str, Any]] = []
    for (actual, predicted), of in wrong.assign(proba=proba).groupby(["actual", "predicted"]):
        surest = of.sort_values(["proba", "clip_id"], ascending=[False, True])["clip_id"].head(3)
        found.append(
            {
                "actual": actual,
                "predicted": predicted,
                "n": len(of),
                "share": len(of) / int(counts[str(actual)]),
                "clips": list(surest),
            }
        )
    return sorted(found, key=lambda pair: (-pair["n"], -pair["share"], pair["actual"], pair["predicted"]))[:_MOST]


def _picture(y: np.ndarray, sr: int) -> str:
    return base64.b64encode(plots.png(plots.sound(y, sr), dpi=70)).decode()
