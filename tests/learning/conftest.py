"""A small corpus without audio: a clip table and tables of features."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import AUDIO, FRAMES, SR, blobs

from regenre.common import config, files, records, tables
from regenre.common.settings import SearchSettings, SequenceSettings
from regenre.common.tables import FamilyRecord, FeatureSet
from regenre.learning.plan import Planner

N_FRAMES = 3  # per clip


def write_corpus(folder: Path) -> None:
    """Write a clip table, the family `mfcc` with frames, the family `text`, and the feature sets of these.

    `mfcc_text` reads both families; `pooled` reads `mfcc`, whose frames it does not list.
    """
    X, clips = blobs()
    facts = {"path": "", "duration_s": 30.0, "sr": SR, "channels": 1, "md5": "", "status": "ok", "fault": ""}
    table = clips.assign(**facts, reason="")[tables.CLIPS]
    bad = table.iloc[:1].assign(clip_id="z", status="excluded", fault="silent")
    tables.write_clips(folder / "index.parquet", pd.concat([table, bad], ignore_index=True))
    mfcc = pd.DataFrame(X, columns=[f"mfcc__{place:02d}__mean" for place in range(4)])
    texts = [f"about {genre}" if number else "" for number, genre in enumerate(clips["genre"])]
    columns = {"mfcc": mfcc, "text": pd.DataFrame({"text__words__clip": texts}, dtype=object)}
    for name, values in columns.items():
        values.insert(0, "clip_id", clips["clip_id"])
        tables.write_pooled(folder / f"features/{name}.parquet", values)
    frames = [np.repeat(row[None, :2], N_FRAMES, axis=0) for row in X]
    names = ["mfcc__00__frame", "mfcc__01__frame"]
    tables.write_sequences(folder / "features/mfcc.npz", clips["clip_id"], frames, names)
    md5 = {path.name: files.compute_md5(path) for path in (folder / "features").iterdir()}
    settings = {"_target_": "regenre.tabular.text.Text", "captions": "", "key": "clip_id", "column": "text"}
    settings |= {"speech": False, "n_words": 1, "min_clips": 2, "ignored": ["about"], "worth": [16, 4]}
    mfcc_record = FamilyRecord({"_target_": "builtins.dict"}, md5["mfcc.parquet"], True, md5["mfcc.npz"], [0.5])
    no_frames = FamilyRecord({"_target_": "builtins.dict"}, md5["mfcc.parquet"], True, None, [0.5])
    text_record = FamilyRecord(settings, md5["text.parquet"])
    sets = {
        "mfcc": {"mfcc": mfcc_record},
        "pooled": {"mfcc": no_frames},
        "mfcc_text": {"mfcc": mfcc_record, "text": text_record},
    }
    for name, families in sets.items():
        record = FeatureSet(families, ["*"], AUDIO, FRAMES, {}, SequenceSettings(8))
        records.write_record(folder / f"features/{name}.json", record)


@pytest.fixture
def make_planner(tmp_path: Path) -> Callable[..., Planner]:
    """Return a function that returns a planner of the corpus, which is written to `tmp_path`."""
    write_corpus(tmp_path)

    def make(build: Callable[[Any], Any] = config.build) -> Planner:
        search = SearchSettings("accuracy", 2)
        return Planner("corpus", tmp_path / "index.parquet", tmp_path / "features", 1, search, build)

    return make
