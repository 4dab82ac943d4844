import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SR, noise, sine
from sklearn.preprocessing import StandardScaler

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.inference import explanation


def test_the_second_that_decides_is_the_planted_one() -> None:
    """Without a piece the probability falls by what the piece holds of the planted second."""
    y = np.zeros(10 * SR, np.float32)
    y[4 * SR : 5 * SR] = 1

    table = explanation.find_seconds(lambda samples: samples.sum() / SR, y, SR)
    assert table["start_s"].tolist() == pytest.approx(np.arange(0, 9.5, 0.5).tolist())
    assert (table["end_s"] - table["start_s"]).tolist() == pytest.approx([1.0] * 19)
    expected = np.maximum(0, 1 - np.abs(np.arange(0, 9.5, 0.5) - 4))
    np.testing.assert_allclose(table["change"], expected, atol=1e-6)


def test_a_clip_is_explained_by_families_seconds_and_nearest_clips(in_corpus, tmp_path: Path) -> None:
    model = in_corpus.read("spectral_shape_text-logistic")
    clip = in_corpus.raw / "low/4.wav"
    found = explanation.explain_file(model, clip)
    assert (found.genre, found.start_s, found.notes) == ("low", 0, ())
    assert found.proba == model.classify_file(clip).proba["low"]
    assert set(found.rows.families["family"]) == {"spectral_shape", "text"}
    assert found.rows.families["value"].sum() == pytest.approx(found.proba - found.rows.background, abs=1e-12)
    assert found.rows.background == pytest.approx(0.5, abs=0.01)  # half of the training clips are low
    assert found.rows.nearest.loc[0, ["clip_id", "distance"]].tolist() == ["low/4.wav", 0]
    assert set(found.rows.nearest["genre"]) == {"low"}


def test_the_nearest_clips_are_near_on_the_standardised_columns(in_corpus, tmp_path: Path) -> None:
    model = in_corpus.read("spectral_shape-logistic")
    clips = tables.read_clips(in_corpus.root / "data/index/corpus.parquet")
    X = tables.read_pooled([in_corpus.features / "spectral_shape.parquet"], clips["clip_id"]).to_numpy()
    x = X[list(clips["clip_id"]).index("high/3.wav")]
    scaling = StandardScaler().fit(X)
    distances = np.sqrt(np.square(scaling.transform(X) - scaling.transform(x[None])).mean(axis=1))
    expected = clips["clip_id"].iloc[np.argsort(distances)[:3]].tolist()
    found = explanation.explain_file(model, in_corpus.raw / "high/3.wav")
    assert found.rows.nearest["clip_id"].tolist() == expected
    assert found.notes == ("no values of families: spectral_shape is the only one",)


def test_the_window_of_a_long_recording_is_the_surest_or_the_one_that_is_named(in_corpus, recording: Path) -> None:
    """Low, high, silent, low; mostly low."""
    model = in_corpus.read("spectral_shape-logistic")
    answer = model.classify_file(recording)
    found = explanation.explain_file(model, recording)
    low = answer.timeline[:, 1]
    assert found.genre == "low"
    assert found.start_s == answer.starts_s[low.argmax()]
    assert found.proba == low.max()
    named = explanation.explain_file(model, recording, 2.0)
    assert (named.genre, named.start_s, named.end_s) == ("high", 1.5, 3.0)
    assert named.seconds["start_s"].iloc[0] == 1.5
    with pytest.raises(UserError, match=r"sound expected from 3 to 4.5 s, silence found"):
        explanation.explain_file(model, recording, 3.1)
    with pytest.raises(UserError, match=r"--start: a time in one of the windows of .* expected, up to 6 s, 6.1 found"):
        explanation.explain_file(model, recording, 6.1)


def test_the_piece_that_is_high_in_a_low_clip_is_found(in_corpus, tmp_path: Path) -> None:
    y = sine(250, 2.0) + 0.1 * noise(2.0)
    y[round(0.8 * SR) : SR] = sine(3100, 0.2)
    soundfile.write(tmp_path / "a.wav", y, SR)
    model = in_corpus.read("spectral_shape-logistic")
    found = explanation.explain_file(model, tmp_path / "a.wav")
    place = found.seconds["change"].abs().idxmax()
    assert found.seconds.loc[place, "start_s"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("mfcc-gmm", ["no families and no nearest clips: grouped_kfold-mfcc-gmm reads frames; they are computed for"
                      " classifiers that read rows"]),
        ("text-logistic", ["no seconds: the model reads texts alone", "no values of families: text is the only one"]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_one_line(in_corpus, name: str, notes: list[str]) -> None:
    found = explanation.explain_file(in_corpus.read(name), in_corpus.raw / "low/4.wav")
    assert list(found.notes) == notes
    assert [line.strip() for line in explanation.format_lines("a", found)][-len(notes) :] == notes
    assert json.loads(explanation.format_json("a", found))["notes"] == notes


def test_other_training_clips_than_those_of_the_fit_are_refused(in_corpus, monkeypatch) -> None:
    model = in_corpus.read("spectral_shape-logistic")
    monkeypatch.setattr(explanation.paths, "locate_features", lambda name: in_corpus.root / "none")
    found = explanation.explain_file(model, in_corpus.raw / "low/4.wav")
    assert len(found.seconds) == 19
    assert found.rows is None
    assert "none/spectral_shape.json" in found.notes[0]
    monkeypatch.undo()
    monkeypatch.setenv("REGENRE_ROOT", str(in_corpus.root))
    cell = replace(model.cell, plan=replace(model.cell.plan, index_md5="0"))
    with pytest.raises(UserError, match=r"corpus: the features of the fit expected, others found; run `dvc repro`"):
        explanation.read_training(cell)


def test_the_lines_name_what_decides(in_corpus) -> None:
    found = explanation.explain_file(in_corpus.read("spectral_shape_text-logistic"), in_corpus.raw / "low/4.wav")
    lines = explanation.format_lines("a.wav", found)
    assert lines[0].startswith(f"a.wav: low {found.proba:.3f}; {found.rows.background:.3f} on average over 12 training")
    assert [line.split(":")[0] for line in lines[1:3]] == [f"  {name}" for name in found.rows.families["family"]]
    assert lines[-3] == "  near: low/4.wav (low), distance 0.00"
    seconds = found.seconds.assign(change=0.0)
    quiet = explanation.format_lines("a.wav", replace(found, seconds=seconds))
    assert quiet[3] == "  no piece of time changes the probability by 0.001 or more"
    seconds.loc[[3, 5], "change"] = 0.25, -0.125
    loud = explanation.format_lines("a.wav", replace(found, proba=0.75, seconds=seconds))
    assert loud[3:5] == [
        f"  most for it: {seconds['start_s'][3]:.1f} to {seconds['end_s'][3]:.1f} s; without them 0.500",
        f"  most against it: {seconds['start_s'][5]:.1f} to {seconds['end_s'][5]:.1f} s; without them 0.875",
    ]
    content = json.loads(explanation.format_json("a.wav", found))
    assert content["families"] == found.rows.families.round(6).to_dict("records")
    assert len(content["seconds"]) == 19


def test_the_page_has_the_explanation_and_the_nearest_clips_to_hear(in_corpus, recording: Path) -> None:
    model = in_corpus.read("spectral_shape_text-logistic")
    found = explanation.explain_file(model, recording)
    html = explanation.render_page(recording, model, found)
    assert f"<h1>long.flac, {found.start_s:g} to {found.end_s:g} s of 6.0 s</h1>" in html
    assert "<h2>Why this answer</h2>" in html
    assert html.count('src="data:audio/mpeg;base64,') == 1 + len(found.rows.nearest)
    for name, value in found.rows.families[["family", "value"]].itertuples(index=False):
        assert f'<th scope="row">{name}</th><td class="n">{value:+.3f}' in html
    assert html.count('<tr><td class="n">') == 19
    assert "http" not in html.replace("http://www.w3.org/", "")
