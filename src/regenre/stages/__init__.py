"""The pipeline's stages, one a file: each reads files, calls one core function and writes files.

What belongs here: which files, which settings, the line that is printed. What does not: any computing.
"""

import gc
import runpy
import sys
from pathlib import Path

from regenre.common.errors import prepare_process, report_errors


def _begin() -> None:
    prepare_process()
    gc.disable()  # up to half a second of the imports; `config.run_stage` turns it on


if sys.argv[:1] == ["-m"]:  # a stage begins: Python imports this package before the stage's module
    _begin()


def run() -> None:
    """Run the stage that a console script names: `regenre-train` is `python -m regenre.stages.train`."""
    _begin()
    stage = Path(sys.argv[0]).stem.removeprefix("regenre-")
    with report_errors():
        if "-sc" in sys.argv:  # completion has to be fast: it does without the stage's imports
            from regenre.common.config import answer_shell

            answer_shell(stage)
        else:
            runpy.run_module(f"regenre.stages.{stage}", run_name="__main__")
