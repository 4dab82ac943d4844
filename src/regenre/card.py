"""The card of a model: what it was trained on, how well it does and how sure that is, what it cannot do.

Written beside the model when a cell is fitted, from the same predictions.
"""

import math
from typing import Any

import pandas as pd

from regenre import comparison, metrics, report


def card(content: dict[str, Any], predictions: pd.DataFrame, scores: dict[str, float], seed: int) -> str:
    """Markdown of one cell's model.

    Parameters
    ----------
    content : of cell.json
    predictions, scores : of the cell's folds
    """
    names, fitted_on, duration_s = content["names"], content["fitted_on"], content["duration_s"]
    of_clips = "" if math.isnan(duration_s) else f" of a clip of about {duration_s:.0f} s"
    parts = [
        f"# {content['cell']}, of {names['dataset']}",
        f"Tells {len(fitted_on)} genres{of_clips}: {', '.join(fitted_on)}.",
        "## How well",
        _scores(scores, names["split"]),
        _genres(predictions, fitted_on, seed),
        "## Trained on",
        _origin(content),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(content, scores, set(predictions["actual"]))),
        "## Use",
        f"`regenre classify FILE --model {content['cell']}`; for MLflow `regenre register --model {content['cell']}`."
        " The model is stored without pickle; loading it runs no code from its file.",
    ]
    return "\n\n".join(parts) + "\n"


def _scores(scores: dict[str, float], split: str) -> str:
    said = ", ".join(
        f"{title} {report.interval(scores, name)}"
        for name, title in (
            ("accuracy", "accuracy"),
            ("macro_f1", "macro F1"),
            ("log_loss", "log loss"),
            ("calibration_error", "calibration error"),
        )
    )
    words = [
        f"Under `{split}`: {said} (95 % intervals), on {scores['n_clips']} clips of {scores['n_groups']} groups in"
        f" {scores['n_folds']} folds.",
        "The model itself was fitted afterwards on all of them; no clip is left that could test it."
        if scores["n_folds"] > 1
        else "The model is the one that was tested.",
    ]
    if split not in comparison.HONEST:
        words.insert(1, "**This split lets an artist or a recording be on both sides: these scores are too high.**")
    return " ".join([*words, *report.doubts(scores)])


def _genres(predictions: pd.DataFrame, fitted_on: dict[str, int], seed: int) -> str:
    of = metrics.score_genres(predictions, seed)
    table = pd.DataFrame({"genre": of["genre"], "trained on": of["genre"].map(fitted_on).fillna(0).astype(int)})
    table["tested"] = of["support"]
    for score in metrics.PER_GENRE:
        table[score] = [report.interval(row, score) if pd.notna(row[score]) else "" for _, row in of.iterrows()]
    return str(table.to_markdown(index=False, disable_numparse=True))


def _origin(content: dict[str, Any]) -> str:
    used = content["config"]
    chosen = content["search"][-1]["chosen"]
    table = [
        ("dataset", f"{content['names']['dataset']}, {sum(content['fitted_on'].values())} clips"),
        ("left out", f"{len(content['excluded'])} clips by the split; faulty ones are in reports/excluded.csv"),
        ("features", f"{content['names']['features']}: {', '.join(used['families'])}"),
        ("classifier", content["names"]["classifier"]),
        ("chosen on the training clips", ", ".join(f"{name} = {value}" for name, value in chosen.items()) or "nothing"),
        ("audio", f"mono, {used['audio']['sr']} Hz"),
        ("seed", used["seed"]),
        *((f"MD5 of {name}", md5) for name, md5 in content["md5"].items()),
        ("MD5 of all that decides the model", content["inputs"]),
    ]
    if "texts" in content:
        texts = content["texts"]
        table.append(("texts", f"{texts['without']} of {texts['clips']} clips have none"))
    return str(pd.DataFrame(table, columns=["what", "value"]).to_markdown(index=False, disable_numparse=True))


def _limits(content: dict[str, Any], scores: dict[str, float], tested: set[str]) -> list[str]:
    untested = sorted(set(content["fitted_on"]) - tested)
    limits = [
        "It has no answer «none of these»: every sound gets one of its genres, also noise, speech, or another music.",
        "What it learnt is how these clips sound, their recordings and their labels included; on other collections"
        " expect less.",
        f"Its probabilities are off by {scores['calibration_error']:.2f} on the average (calibration error).",
    ]
    if untested:
        limits.append(f"Never tested, since all their clips are of one group: {', '.join(untested)}.")
    if content.get("texts", {}).get("naming_their_genre"):
        n = content["texts"]["naming_their_genre"]
        limits.append(f"{n} of its texts give the genre's name away; on texts that do not, expect less.")
    return limits
