"""Quality of the data: the clip table, the audit, and fingerprints that find replicas.

What belongs here: files of a dataset -> facts and faults. What does not: features, or anything that is fitted.
"""
