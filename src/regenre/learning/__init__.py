"""Features and genres meet: splits, the fit of one estimator, tasks, the grid's plan, cells and models on disk.

What belongs here: everything that is fitted, and the clips that it is fitted on. What does not: scores (`evaluation`).
"""
