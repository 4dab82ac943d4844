"""Synthetic sounds: music in ten styles, speech and birdsong.

What belongs here: parameters and random numbers -> samples. What does not: files, labels, corpora (`datasets`).
"""
