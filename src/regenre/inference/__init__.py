"""A model put to use: on files, on samples, from Python, behind MLflow.

What belongs here: any audio -> probabilities of genres or tags. What does not: training, and the command line (`cli`).
"""
