"""Features: the shared transform, the feature families, pooling and extraction from all clips.

Code here computes features from one clip alone. Code that is fitted or uses genres belongs elsewhere.
"""
