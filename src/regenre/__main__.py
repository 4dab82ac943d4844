"""The command `regenre`, and `python -m regenre`."""

import sys

from regenre.common.errors import end_process, prepare_process, report_errors


def main() -> None:
    """Run the command; imports are part of what a signal may interrupt."""
    prepare_process()
    try:
        with report_errors():
            from regenre.cli.main import main as run

            run()
            sys.stdout.flush()  # while an error is still one line
    finally:
        end_process()


if __name__ == "__main__":
    main()
