"""The pipeline's stages, one a file: each reads files, calls one core function and writes files.

What belongs here: which files, which settings, the line that is printed. What does not: any computing.
"""

import sys

from regenre.errors import prepare_process

if sys.argv[:1] == ["-m"]:  # a stage begins: Python imports this package before the stage's module
    prepare_process()
