"""Texts beside clips, and what becomes of them inside a fold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import clip_table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from regenre import models, training
from regenre.errors import UserError
from regenre.families.text import Text, beside
from regenre.fitting import Learner, Words
from regenre.splits import Fold
from regenre.training import Task, Values

CLIPS = pd.DataFrame({"clip_id": ["a", "b", "c"], "path": ["x/a.wav", "x/b.flac", "x/c.mp3"]}, dtype=object)
SAID = {"a": "loud drums and a loud guitar", "b": "a quiet flute", "c": "birds, and the sea"}


def test_a_side_car_goes_before_the_table_and_a_clip_may_have_neither(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/b.txt").write_text("\ufeff Flûte \n", encoding="utf-8")
    pd.DataFrame({"clip_id": ["a", "b"], "text": ["Drums", "not this"]}).to_csv(tmp_path / "t.csv", index=False)
    for captions in (tmp_path / "t.csv", tmp_path):
        found = Text(str(captions)).table("text", CLIPS, tmp_path)
        assert found.to_dict("list") == {"clip_id": ["a", "b", "c"], "text__words__clip": ["Drums", "Flûte", ""]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, r"text expected beside a clip \(a.txt\) or in .*t.csv"),
        ({"clip_id": ["z"], "text": ["no such clip"]}, "none found for any clip"),
        ({"clip_id": ["a"], "words": ["x"]}, "columns clip_id and text expected, clip_id, words found"),
        ({"clip_id": ["a", "a"], "text": ["x", "y"]}, "clip a has more than one row"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, rows: dict[str, list[str]] | None, said: str) -> None:
    captions = tmp_path / "t.csv"
    if rows is None:
        captions.write_text("clip_id,text\n")
    else:
        pd.DataFrame(rows).to_csv(captions, index=False)
    with pytest.raises(UserError, match=said):
        Text(str(captions)).table("text", CLIPS, tmp_path)
    with pytest.raises(UserError, match="none found"):
        Text(str(tmp_path / "lost.csv")).table("text", CLIPS, tmp_path)
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match="UTF-8 expected, byte 3"):
        beside(tmp_path / "a.wav")


def test_terms_weigh_what_the_docstring_says() -> None:
    texts = list(SAID.values())
    weights = Text("", min_clips=1).vectoriser().fit(texts)
    terms, found = list(weights.get_feature_names_out()), weights.transform(texts).toarray()[0]
    df = {"loud": 1, "drums": 1, "guitar": 1, "and": 2}
    expected = {term: (1 + np.log(2 if term == "loud" else 1)) * (1 + np.log(4 / (1 + n))) for term, n in df.items()}
    norm = np.sqrt(sum(weight**2 for weight in expected.values()))
    assert {term: weight for term, weight in zip(terms, found, strict=True) if weight} == pytest.approx(
        {term: weight / norm for term, weight in expected.items()}
    )


def test_words_that_name_the_genre_are_seen_and_can_be_ignored() -> None:
    text = Text("")
    assert text.names_genre("Classic Hip-Hop with scratches", "hiphop")
    assert text.names_genre("a slow blues", "blues")
    assert not text.names_genre("popular in the sixties", "pop")
    assert text.names_genre("a drone organ", "drone_organ")
    assert not Text("", ignored=["blues"]).names_genre("a slow blues", "blues")
    assert "blues" not in Text("", min_clips=1, ignored=["blues"]).vectoriser().fit(["slow blues"]).vocabulary_


def task(learner: Learner, joined: bool) -> Task:
    """Forty clips of two genres with two words each; the last ten are tested and know a word of their own."""
    clips = clip_table(["a", "b"] * 20, [str(number) for number in range(40)])
    rng = np.random.default_rng(0)
    texts = np.array([f"{rng.choice(['loud', 'fast'] if genre == 'a' else ['low', 'slow'])} {genre * 3}x"
                      for genre in clips["genre"]], dtype=object)  # fmt: skip
    texts[3] = ""
    texts[30:] = texts[30:] + " unheard unheard"
    array = np.column_stack([rng.normal(size=40), texts, rng.normal(size=40)]) if joined else texts[:, None]
    values = Values(array.astype(object), words=Words(1 if joined else 0, Text("", worth=[16, 4])))
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    inner = [Fold(np.arange(15), np.arange(15, 30)), Fold(np.arange(15, 30), np.arange(15))]
    fold = Fold(np.arange(30), np.arange(30, 40))
    return Task("cell", learner, values, genre, group, fold, inner, "accuracy", keep=True)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_terms_are_fitted_on_the_training_clips_alone(joined: bool, scale: bool, tmp_path: Path) -> None:
    given = task(Learner(LogisticRegression(C=100), scale), joined)
    result = training.work(given)
    assert (result.genres[result.proba.argmax(axis=1)] == given.genre[30:]).all()
    assert result.chosen.get("text_worth") in ([16, 4] if scale else [None])
    (tmp_path / "model.skops").write_bytes(result.model)
    estimator = models.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(estimator.predict_proba(given.values.of(given.fold.test)), result.proba)
    columns = estimator.named_steps["columns"]
    vectoriser = columns.named_transformers_["words"]
    assert isinstance(vectoriser, TfidfVectorizer)
    assert "unheard" not in vectoriser.vocabulary_
    train = columns.transform(given.values.of(given.fold.fit))
    assert train.shape[1] == len(vectoriser.vocabulary_) + (2 if joined else 0)
    energy = np.square(train[:, : len(vectoriser.vocabulary_)]).sum(axis=1)
    assert energy[3] == 0  # the clip without a text
    np.testing.assert_allclose(np.delete(energy, 3), result.chosen.get("text_worth", 1.0))


def test_every_kind_of_machine_reads_texts() -> None:
    vote = Learner(members={"bayes": Learner(GaussianNB()), "logistic": Learner(LogisticRegression(), True)})
    result = training.work(task(vote, joined=True))
    assert result.chosen["logistic.text_worth"] in (16, 4)
    assert np.isfinite(result.proba).all()
