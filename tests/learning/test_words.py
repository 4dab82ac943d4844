"""Terms of texts: their weights, and that they are fitted on the training clips only."""

from pathlib import Path

import numpy as np
import pytest
from helpers import clip_table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from regenre.learning import models
from regenre.learning.estimator import Learner
from regenre.learning.splits import Fold
from regenre.learning.tasks import Task, Values, run_task
from regenre.learning.words import Words

TEXTS = ["loud drums and a loud guitar", "a quiet flute", "birds, and the sea"]


def make_words(place: int = 0, n_words: int = 1, min_clips: int = 1, ignored: tuple[str, ...] = ()) -> Words:
    return Words(place, n_words, min_clips, ignored, worth=(16, 4))


def list_terms(words: Words, texts: list[str]) -> set[str]:
    return set(words.make_vectoriser().fit(texts).vocabulary_)


def make_task(learner: Learner, with_numbers: bool) -> Task:
    """Return a task of forty clips of two genres, each with two words; a further word is in the ten test clips only."""
    clips = clip_table(["a", "b"] * 20, [str(number) for number in range(40)])
    rng = np.random.default_rng(0)
    adjectives = {"a": ["loud", "fast"], "b": ["low", "slow"]}
    texts = np.array([f"{rng.choice(adjectives[genre])} {genre * 3}x" for genre in clips["genre"]], dtype=object)
    texts[3] = ""
    texts[30:] = texts[30:] + " unseen unseen"
    array = np.column_stack([rng.normal(size=40), texts, rng.normal(size=40)]) if with_numbers else texts[:, None]
    values = Values(array.astype(object), words=make_words(place=int(with_numbers), min_clips=2))
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    inner = [Fold(np.arange(15), np.arange(15, 30)), Fold(np.arange(15, 30), np.arange(15))]
    fold = Fold(np.arange(30), np.arange(30, 40))
    return Task("cell", learner, values, genre, group, fold, inner, "accuracy", keep=True)


def test_terms_have_the_weights_of_the_formula() -> None:
    vectoriser = make_words().make_vectoriser().fit(TEXTS)
    terms, weights = list(vectoriser.get_feature_names_out()), vectoriser.transform(TEXTS).toarray()[0]
    df = {"loud": 1, "drums": 1, "guitar": 1, "and": 2}
    expected = {term: (1 + np.log(2 if term == "loud" else 1)) * (1 + np.log(4 / (1 + n))) for term, n in df.items()}
    norm = np.sqrt(sum(weight**2 for weight in expected.values()))
    assert {term: weight for term, weight in zip(terms, weights, strict=True) if weight} == pytest.approx(
        {term: weight / norm for term, weight in expected.items()}
    )


def test_settings_choose_the_terms() -> None:
    texts = ["slow blues", "slow flûte"]
    assert list_terms(make_words(), texts) == {"slow", "blues", "flute"}
    assert list_terms(make_words(min_clips=2), texts) == {"slow"}
    assert list_terms(make_words(ignored=("blues",)), texts) == {"slow", "flute"}
    assert list_terms(make_words(n_words=2), texts) == {"slow", "blues", "flute", "slow blues", "slow flute"}


@pytest.mark.parametrize("with_numbers", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_terms_are_fitted_on_the_training_clips_only(with_numbers: bool, scale: bool, tmp_path: Path) -> None:
    task = make_task(Learner(LogisticRegression(C=100), scale), with_numbers)
    result = run_task(task)
    assert (result.genres[result.proba.argmax(axis=1)] == task.genre[30:]).all()
    assert result.chosen.get("text_worth") in ([16, 4] if scale else [None])
    (tmp_path / "model.skops").write_bytes(result.model)
    estimator = models.load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(estimator.predict_proba(task.values.select(task.fold.test)), result.proba)
    columns = estimator.named_steps["columns"]
    vectoriser = columns.named_transformers_["words"]
    assert isinstance(vectoriser, TfidfVectorizer)
    assert "unseen" not in vectoriser.vocabulary_
    train = columns.transform(task.values.select(task.fold.fit))
    assert train.shape[1] == len(vectoriser.vocabulary_) + (2 if with_numbers else 0)
    energy = np.square(train[:, : len(vectoriser.vocabulary_)]).sum(axis=1)
    assert energy[3] == 0  # the clip without a text
    np.testing.assert_allclose(np.delete(energy, 3), result.chosen.get("text_worth", 1.0))


def test_the_members_of_a_vote_read_texts() -> None:
    vote = Learner(members={"bayes": Learner(GaussianNB()), "logistic": Learner(LogisticRegression(), True)})
    result = run_task(make_task(vote, with_numbers=True))
    assert result.chosen["logistic.text_worth"] in (16, 4)
    assert np.isfinite(result.proba).all()
