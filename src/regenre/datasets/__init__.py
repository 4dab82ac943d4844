"""Datasets, one per file: `dataset` has their interface; `download` fetches, links and unpacks files.

What belongs here: a source -> clips on disk and their names. What does not: opening the audio (`quality`).
"""
