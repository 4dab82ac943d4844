"""Networks that others trained: their weights fetched, checked and written as ONNX graphs.

What belongs here: one module per source of weights, and readers of its formats. What does not: computing features,
which is a family's (`features/families/onnx.py`).
"""
