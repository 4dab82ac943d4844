"""The pipeline's stages, one a file: each reads files, calls one core function and writes files.

What belongs here: which files, which settings, the line that is printed. What does not: any computing.
"""
