from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SR, noise, sine

from regenre import audit, indexing
from regenre.datasets.synthetic import Synthetic


def test_flat_tops_are_counted_and_round_ones_are_not() -> None:
    y = sine(100, 1, peak=0.9)
    assert audit.flat_tops(y) == 0
    flat = np.clip(y, -0.5, 0.5)
    expected = (np.abs(y) >= 0.5).mean()
    assert audit.flat_tops(flat) == pytest.approx(expected)
    assert audit.flat_tops(0.1 * flat) == pytest.approx(expected)  # turned down later


def test_dc_is_the_mean_of_the_worst_channel() -> None:
    both = np.stack([noise(), noise() - 0.25], axis=1)
    assert audit.heard(both, SR).dc == pytest.approx(-0.25, abs=0.005)


def table(**changes: list) -> pd.DataFrame:
    n = 6
    clips = pd.DataFrame({"clip_id": list("abcdef"), "status": "ok", "fault": "", "duration_s": 30.0, "sr": SR})
    return clips.assign(**{"md5": [str(number) for number in range(n)], **changes})


def test_the_odd_length_and_the_odd_rate_are_found_in_a_corpus_of_one() -> None:
    found = audit.findings(table(duration_s=[30, 30.5, 29.9, 30, 15, 30], sr=[SR] * 5 + [8000]), {})
    assert found[["clip_id", "finding", "score"]].to_numpy().tolist() == [
        ["e", "wrong_length", 15.0],
        ["f", "wrong_rate", 8000.0],
    ]
    assert audit.findings(table(duration_s=[1, 2, 3, 40, 50, 60]), {}).empty


def test_faults_and_exact_replicas_are_findings() -> None:
    found = audit.findings(table(md5=list("112345"), status=["ok"] * 5 + ["excluded"], fault=[""] * 5 + ["silent"]), {})
    assert found[audit.FINDINGS[:3]].to_numpy().tolist() == [["b", "exact_replica", "a"], ["f", "silent", ""]]


def test_every_planted_fault_is_found_and_no_other(tmp_path: Path) -> None:
    corpus = Synthetic(n_artists=3, n_clips=2, duration_s=8.0, seed=20020)
    corpus.download(tmp_path)
    clips, found = indexing.index(corpus.clips(tmp_path), tmp_path, 1.0)
    truth = pd.read_csv(tmp_path / "truth.csv", keep_default_na=False)
    truth = truth[truth["fault"] != "mislabelled"]
    same = {"not_audio": "unreadable"} | {
        f"{kind}_replica": "replica" for kind in ("shifted", "coded", "noisy", "faster")
    }
    planted = set(zip(truth["clip_id"], truth["fault"].replace(same), strict=True))
    assert set(zip(found["clip_id"], found["finding"], strict=True)) == planted
    related = truth.set_index("clip_id")["related_clip_id"].to_dict()
    group = clips.set_index("clip_id")["group"]
    for row in found[found["related_clip_id"] != ""].itertuples():
        assert related[row.clip_id] == (related.get(row.related_clip_id) or row.related_clip_id)
        assert group[row.clip_id] == group[row.related_clip_id]


def test_planted_wrong_labels_come_first() -> None:
    rng = np.random.default_rng(0)
    genres = np.array(list("abc"))
    actual = rng.integers(3, size=90)
    label = actual.copy()
    label[:3] = (actual[:3] + 1) % 3
    cells = []
    for _ in range(3):
        shares = rng.dirichlet(np.ones(3), 90) * 0.4
        shares[np.arange(90), actual] += 0.6
        table = pd.DataFrame({"clip_id": [f"{n:02d}" for n in range(90)], "actual": genres[label]})
        cells.append(table.assign(**{f"proba__{genre}": shares[:, place] for place, genre in enumerate(genres)}))
    found = audit.suspects(cells)
    assert set(found["clip_id"].head(3)) == {"00", "01", "02"}
    assert (found["suspected_genre"].head(3) == found["clip_id"].head(3).map(lambda n: genres[actual[int(n)]])).all()
    own = sum(cell[[f"proba__{genre}" for genre in genres]].to_numpy() for cell in cells) / 3
    usual = {genre: own[label == place, place].mean() for place, genre in enumerate(genres)}
    expected = found["proba_suspected"] >= found["suspected_genre"].map(usual)
    assert (found["confident"] == expected).all()
    assert found["confident"].any()
    margin = found["proba_suspected"] - found["proba_genre"]
    assert (margin.diff().dropna() <= 0).all()
