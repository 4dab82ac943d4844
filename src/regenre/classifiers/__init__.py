"""Classifiers that scikit-learn and hmmlearn lack: a density a genre over frames.

Their X is either an object array of clips, each of shape (n_frames, n_features), or an ordinary matrix,
whose every row is a clip of one frame; otherwise they are scikit-learn classifiers.
"""
