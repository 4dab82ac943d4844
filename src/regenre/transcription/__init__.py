"""Audio -> words, by a speech recogniser: a transcriber a file, and the text that goes beside each clip.

What belongs here: recognisers and the files that they leave. What does not: how words become features (`tabular.text`).
"""
