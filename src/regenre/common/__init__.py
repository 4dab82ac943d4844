"""What every room needs: settings and how they are read, records and tables on disk, paths, processes, errors.

What belongs here: what knows no sound, no feature, no classifier and no page. What does not: what only one room needs.
"""
