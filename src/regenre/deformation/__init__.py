"""Changes of a recording that leave its music as it is: samples -> samples of the same rate, a class for each kind.

What belongs here: playback, codecs, filters, rooms and noise, each seeded by the clip. What does not: features, genres,
files; what becomes of a model's answers is in `evaluation`.
"""
