"""Features that are not computed from audio: texts, and tables from elsewhere.

What belongs here: reading values that somebody wrote down. What does not: what is fitted to them (`learning`).
"""
