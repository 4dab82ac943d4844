"""Predictions -> numbers: scores with intervals, comparisons, the leak, learning curves, suspect labels.

What belongs here: what `evaluate`, `study`, `stress` and `compare` compute. What does not: sentences and figures
(`reporting`).
"""
