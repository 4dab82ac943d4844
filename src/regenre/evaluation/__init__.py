"""Predictions -> numbers: scores with intervals, comparisons, the leak, learning curves, suspect labels.

What belongs here: what `evaluate` and `study` compute. What does not: sentences and figures (`reporting`).
"""
