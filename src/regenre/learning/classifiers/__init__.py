"""Classifiers that scikit-learn and hmmlearn lack: one density per genre, fitted to frames.

X is either an object array of clips, each of shape (n_frames, n_features), or an ordinary matrix. Each row of a matrix
is a clip of one frame. In all else they are scikit-learn classifiers.

    densities.Densities  base class: standardisation, priors, Bayes' rule
    gmm.Gmm              one Gaussian mixture per genre
    hmm.Hmm              one hidden Markov model per genre
"""
