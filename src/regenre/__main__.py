"""The command `regenre`, and `python -m regenre`."""

from regenre.errors import prepare_process, report_errors


def main() -> None:
    """Run the command; imports are part of what a signal may interrupt."""
    prepare_process()
    with report_errors():
        from regenre.cli.main import main as run

        run()


if __name__ == "__main__":
    main()
