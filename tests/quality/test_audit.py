from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import SR, noise, sine

from regenre.datasets.synthetic import Synthetic
from regenre.quality import audit, clip_table, fingerprint


def test_flat_tops_are_counted_and_round_ones_are_not() -> None:
    y = sine(100, 1, peak=0.9)
    assert audit.measure_flat_tops(y) == 0
    clipped = np.clip(y, -0.5, 0.5)
    expected = (np.abs(y) >= 0.5).mean()
    assert audit.measure_flat_tops(clipped) == pytest.approx(expected)
    assert audit.measure_flat_tops(0.1 * clipped) == pytest.approx(expected)  # attenuated after clipping


def test_dc_is_the_mean_of_the_worst_channel() -> None:
    samples = np.stack([noise(), noise() - 0.25], axis=1)
    assert audit.measure(samples, SR).dc == pytest.approx(-0.25, abs=0.005)


def make_clips(**changes: list) -> pd.DataFrame:
    n = 6
    clips = pd.DataFrame({"clip_id": list("abcdef"), "status": "ok", "fault": "", "duration_s": 30.0, "sr": SR})
    return clips.assign(**{"md5": [str(number) for number in range(n)], **changes})


def test_a_clip_of_another_length_or_rate_is_a_finding_if_most_agree() -> None:
    findings = audit.list_findings(make_clips(duration_s=[30, 30.5, 29.9, 30, 15, 30], sr=[SR] * 5 + [8000]), {})
    assert findings[["clip_id", "finding", "score"]].to_numpy().tolist() == [
        ["e", "wrong_length", 15.0],
        ["f", "wrong_rate", 8000.0],
    ]
    assert audit.list_findings(make_clips(duration_s=[1, 2, 3, 40, 50, 60]), {}).empty


def test_faults_and_exact_replicas_are_findings() -> None:
    findings = audit.list_findings(
        make_clips(md5=list("112345"), status=["ok"] * 5 + ["excluded"], fault=[""] * 5 + ["silent"]), {}
    )
    assert findings[audit.FINDINGS[:3]].to_numpy().tolist() == [["b", "exact_replica", "a"], ["f", "silent", ""]]


def test_what_was_not_compared_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    search = fingerprint.Search([], np.array([1, 1, 1, 1, 0.25, 0.5]))
    monkeypatch.setattr(fingerprint, "find_replicas", lambda clips: search)
    measurements = {clip_id: audit.Measurements(0.0, 0.0, np.empty((0, 2))) for clip_id in "abcdef"}
    assert audit.list_findings(make_clips(), measurements).empty
    assert capsys.readouterr().out == (
        "replicas: 2 of 6 clips were compared by their rarest landmarks alone, at least 25% of each\n"
    )


def test_every_planted_fault_is_found_and_no_other(tmp_path: Path) -> None:
    corpus = Synthetic(n_artists=3, n_clips=2, duration_s=8.0, seed=20020)
    corpus.download(tmp_path)
    clips, findings, _ = clip_table.index_clips(corpus.list_clips(tmp_path), tmp_path, 1.0)
    truth = pd.read_csv(tmp_path / "truth.csv", keep_default_na=False)
    truth = truth[truth["fault"] != "mislabelled"]
    same = {"not_audio": "unreadable"} | {
        f"{kind}_replica": "replica" for kind in ("shifted", "coded", "noisy", "faster")
    }
    expected = set(zip(truth["clip_id"], truth["fault"].replace(same), strict=True))
    assert set(zip(findings["clip_id"], findings["finding"], strict=True)) == expected
    related = truth.set_index("clip_id")["related_clip_id"].to_dict()
    group = clips.set_index("clip_id")["group"]
    for row in findings[findings["related_clip_id"] != ""].itertuples():
        assert related[row.clip_id] == (related.get(row.related_clip_id) or row.related_clip_id)
        assert group[row.clip_id] == group[row.related_clip_id]
