"""Classifiers that scikit-learn and hmmlearn lack: they read frames.

X is either an object array of clips, each of shape (n_frames, n_features), or an ordinary matrix. Each row of a matrix
is a clip of one frame. In all else they are scikit-learn classifiers.

    frame_classifier.FrameClassifier  base class: checks of X, the most probable genre
    densities.Densities               base class of gmm and hmm: standardisation, priors, Bayes' rule
    gmm.Gmm                           one Gaussian mixture per genre
    hmm.Hmm                           one hidden Markov model per genre
    cnn.Cnn                           residual network
"""
