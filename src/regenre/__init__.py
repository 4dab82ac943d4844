"""regenre: how well do these features and classifiers tell genres apart, on this data, under this split?"""
