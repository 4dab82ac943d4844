"""Numbers -> what people read: summary, model cards, page, figures, MLflow.

What belongs here: words, pictures and views of results. What does not: a number that is not computed elsewhere.
"""
