"""`Cnn`: a small residual network, trained from scratch on frames."""

import logging
import os
import threading
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from typing import Any, Self
from unittest.mock import patch

import numpy as np
import pandas as pd
import scipy.special
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, compute_class_weight
from tqdm import tqdm

from regenre.common.errors import UserError
from regenre.learning import splits
from regenre.learning.classifiers.frame_classifier import FrameClassifier
from regenre.learning.splits import NOBODY, Fold

_FOLDS = 5  # of which one validates
_LOCK = threading.RLock()  # estimators with networks of one shape share a compiled one


class Cnn(FrameClassifier):
    """Residual network (He et al. 2016) on random crops of a clip's frames, such as log-mel bands.

    A crop is an image of time x features. Each stage is two 3 x 3 convolutions with batch normalisation and a shortcut
    around them, then max pooling by 2; the mean over the last image leads to one logit per genre. The loss is the
    cross-entropy with genres weighted inversely to their number of clips, minimised by AdamW (Loshchilov and Hutter
    2019); the learning rate falls along a cosine (Loshchilov and Hutter 2017, equation 5). An epoch has one random crop
    of each clip. Crops are augmented by a mask of time and a mask of features each (SpecAugment, Park et al. 2019,
    section 2) and by mixup (Zhang et al. 2018, equation 1). Deviates from SpecAugment: no time warping.

    About a fifth of the groups, dealt as `splits.GroupedKFolds` deals them, are not trained on but validate: training
    stops once their loss has not fallen for `patience` epochs, and the weights of the epoch with the lowest loss stay.
    With too few groups for that, all clips are trained on, for all epochs.

    P(genre | clip) is the mean over crops that cover the clip. A clip shorter than a crop is repeated until it fills
    one. Frames are standardised with the mean and variance of the training frames; silence yields what the network
    makes of them.

    One thread computes, or a GPU if Keras' backend finds one. Two fits on one processor have the same bytes.

    Parameters
    ----------
    crop : frames of a crop
    widths : channels of each stage
    epochs : maximum number of epochs
    patience : see above
    batch_size : crops in a step of the optimiser
    learning_rate : at the start
    weight_decay : of AdamW
    mask : largest share of the frames, and of the features, that a mask hides
    mixup : both parameters of the Beta distribution of the weight of a crop against another; 0 for no mixup
    random_state : seed of validation groups, initial weights, crops and augmentation
    backend : of Keras: jax or torch

    Attributes
    ----------
    classes_ : genres, sorted
    n_iter_ : number of epochs
    scaler_ : `StandardScaler` of the frames
    weights_ : arrays of the network
    """

    def __init__(
        self,
        crop: int = 16,
        widths: Sequence[int] = (16, 32),
        epochs: int = 60,
        patience: int = 20,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        mask: float = 0.25,
        mixup: float = 0.3,
        random_state: int | None = None,
        backend: str = "jax",
    ) -> None:
        self.crop = crop
        self.widths = widths
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.mask = mask
        self.mixup = mixup
        self.random_state = random_state
        self.backend = backend

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : n_clips sequences of shape (n_frames, n_features), or a matrix (n_clips, n_features)
        y : genre of each clip, shape (n_clips,)
        groups : of each clip; None: each clip is a group of its own

        Raises
        ------
        UserError
            Keras or its backend is not installed.
        ValueError
            A clip has no frames, another number of features, or values that are not finite.
        """
        clips, genre = self._read_training(X, y)
        self.classes_, labels = np.unique(genre, return_inverse=True)
        self.scaler_ = StandardScaler().fit(np.concatenate(clips))
        clips = self._prepare(clips)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        train, valid = _deal(labels, np.arange(len(labels)) if groups is None else groups, int(rng.integers(2**31)))
        weight = compute_class_weight("balanced", classes=np.arange(len(self.classes_)), y=labels)
        targets = (np.eye(len(weight)) * weight)[labels].astype(np.float32)
        n_steps = -(-len(train) // self.batch_size)
        least, best = np.inf, 0
        with _LOCK:
            network = self._open_network()
            network.set_weights([_draw(rng, initial) for initial in network.initial])
            for variable in network.optimizer.variables:
                variable.assign(np.zeros(variable.shape, variable.dtype))
            for epoch in tqdm(range(self.epochs), desc="cnn", unit=" epochs", leave=False, disable=None):
                network.optimizer.learning_rate = self.learning_rate * (1 + np.cos(np.pi * epoch / self.epochs)) / 2
                for rows in np.resize(rng.permutation(train), (n_steps, self.batch_size)):
                    crops = _mask(np.stack([_crop(clips[row], self.crop, rng) for row in rows]), self.mask, rng)
                    network.train_on_batch(*_mix(crops, targets[rows], self.mixup, rng))
                loss = -epoch  # with no clip to validate, the last epoch is the best
                if len(valid):
                    proba, true = self._average(network, [clips[row] for row in valid]), labels[valid]
                    loss = log_loss(true, proba, sample_weight=weight[true], labels=np.arange(len(weight)))
                if loss < least:
                    least, best, self.weights_ = loss, epoch, _copy_weights(network)
                elif epoch - best == self.patience:
                    break
        self.n_iter_ = epoch + 1
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each genre, shape (n_clips, n_genres)."""
        clips = self._prepare(self._read(X))
        with _LOCK:
            network = self._open_network()
            network.set_weights(self.weights_)
            return self._average(network, clips)

    def _prepare(self, clips: list[np.ndarray]) -> list[np.ndarray]:
        """Return standardised clips of at least one crop."""
        frames = [self.scaler_.transform(clip).astype(np.float32) for clip in clips]
        return [each[np.arange(max(len(each), self.crop)) % len(each)] for each in frames]

    def _average(self, network: Any, clips: list[np.ndarray]) -> np.ndarray:
        """Return the mean probabilities over the fewest evenly spaced crops that cover each clip."""
        counts = [-(-len(clip) // self.crop) for clip in clips]
        crops = np.stack(
            [
                clip[start : start + self.crop]
                for clip, n in zip(clips, counts, strict=True)
                for start in np.linspace(0, len(clip) - self.crop, n).round().astype(int)
            ]
        )
        fill = np.zeros((-len(crops) % self.batch_size, *crops.shape[1:]), np.float32)  # one shape: compiled once
        batches = np.split(np.concatenate([crops, fill]), -(-len(crops) // self.batch_size))
        logits = np.concatenate([network.predict_on_batch(batch) for batch in batches])[: len(crops)]
        proba = scipy.special.softmax(logits.astype(np.float64), axis=1)
        means: np.ndarray = np.add.reduceat(proba, np.cumsum([0, *counts[:-1]])) / np.array(counts)[:, None]
        return means

    def _open_network(self) -> Any:
        shape = (self.crop, self.n_features_in_)
        return _build(self.backend, shape, tuple(self.widths), len(self.classes_), self.weight_decay)


def _deal(labels: np.ndarray, groups: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are trained on, and those that validate, with groups apart."""
    rows = np.arange(len(labels))
    clips = pd.DataFrame({"clip_id": rows.astype(str), "genre": labels, "group": groups})
    folds = splits.deal_inner(clips, Fold(rows, NOBODY), _FOLDS, seed)
    return (folds[0].train, folds[0].test) if folds else (rows, NOBODY)


def _draw(rng: np.random.Generator, initial: np.ndarray) -> np.ndarray:
    """Return a random kernel (He et al. 2015, equation 10), or another weight as it is."""
    fan_in = np.prod(initial.shape[:-1])
    return rng.normal(0, np.sqrt(2 / fan_in), initial.shape) if initial.ndim > 1 else initial


def _crop(clip: np.ndarray, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    start = rng.integers(len(clip) - n_frames + 1)
    return clip[start : start + n_frames]


def _mask(crops: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return crops with some consecutive frames, and some consecutive features, at their mean, which is 0."""
    for axis in (1, 2):
        n = crops.shape[axis]
        width = rng.integers(int(share * n) + 1, size=len(crops))
        place = np.arange(n) - rng.integers(n - width + 1)[:, None]
        crops = crops * np.expand_dims((place < 0) | (place >= width[:, None]), 3 - axis)
    return crops


def _mix(
    crops: np.ndarray, targets: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return each crop and its target, mixed with those of another."""
    share = (rng.beta(alpha, alpha, len(crops)) if alpha else np.ones(len(crops))).astype(np.float32)
    other = rng.permutation(len(crops))
    own, rest = share[:, None], 1 - share[:, None]
    mixed = own[..., None] * crops + rest[..., None] * crops[other]
    return mixed, own * targets + rest * targets[other]


@lru_cache(maxsize=16)
def _build(backend: str, shape: tuple[int, int], widths: tuple[int, ...], n_genres: int, weight_decay: float) -> Any:
    """Return a network with its optimiser; each process builds and compiles it once for all fits."""
    keras = _import_keras(backend)
    layers = keras.layers
    x = inputs = layers.Input(shape)
    x = layers.Reshape((*shape, 1))(x)
    convolve = partial(layers.Conv2D, padding="same", use_bias=False, kernel_initializer="zeros")  # `fit` draws them
    for width in widths:
        y = convolve(width, 3)(x)
        y = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(y))
        y = convolve(width, 3)(y)
        y = layers.BatchNormalization(momentum=0.9)(y)
        x = layers.Activation("relu")(layers.Add()([y, convolve(width, 1)(x)]))
        x = layers.MaxPooling2D(2, padding="same")(x)
    logits = layers.Dense(n_genres, kernel_initializer="zeros")(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(inputs, logits)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.AdamW(weight_decay=weight_decay), loss)
    network.optimizer.build(network.trainable_variables)
    network.initial = _copy_weights(network)
    return network


def _copy_weights(network: Any) -> list[np.ndarray]:
    """Return copies; `network.get_weights()` warns."""
    import keras

    return [keras.ops.convert_to_numpy(variable.value) for variable in network.weights]


@cache
def _import_keras(backend: str) -> Any:
    """Import Keras, to compute in one thread; its libraries read these variables when they are imported or start."""
    if backend not in ("jax", "torch"):
        raise UserError(f"backend: jax or torch expected, {backend!r} found; correct it, or unset KERAS_BACKEND")
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)  # it lists devices that are not there
    variables = {
        "KERAS_BACKEND": backend,
        "KERAS_HOME": os.devnull,  # settings of the user's are neither read nor written
        "NPROC": "1",  # threads of JAX on processors
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_gpu_deterministic_ops=true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # workers share a GPU
    }
    try:
        with patch.dict(os.environ, variables):
            if backend == "torch":
                import torch

                torch.set_num_threads(1)
            else:
                import jax

                jax.devices()  # starts it
            import keras
    except ImportError as error:
        remedy = "install torch, or unset KERAS_BACKEND" if backend == "torch" else "run pip install 'regenre[neural]'"
        raise UserError(f"keras and {backend} expected, not all found; {remedy}") from error
    if keras.backend.backend() != backend:
        raise UserError(f"backend: {keras.backend.backend()}, which this process uses, expected, {backend} found")
    return keras
