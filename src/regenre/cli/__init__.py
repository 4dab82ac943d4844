"""The command `regenre`.

What belongs here: arguments, messages, files named by the user. What does not: the stages of the pipeline.
"""
