"""The user's files and folders: check them, and link them into the raw folder.

check_folder      refuse what is no folder
check_sources     refuse a source that lies where clips are written
link_files        link the files of a folder
list_unwatched    sources in which `dvc repro` sees no change
reserve_target    refuse a second file for a place
Place             type of the function that decides which files are used, and where they go
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path, PurePosixPath

from regenre.common.errors import UserError

SOURCES = ("folder", "archive", "table", "groups", "artists", "metadata")  # settings that name a file or folder

Place = Callable[[PurePosixPath], str | None]
"""Path in an archive or folder -> path in the raw folder, or None for a file that is not used."""


def list_unwatched(dataset: object, source: Path) -> list[str]:
    """Return a line for each file or folder of the user's in which `dvc repro` sees no change.

    Parameters
    ----------
    source : what params.yaml names, a dependency of the stage; it watches everything in it
    """
    watched = source.expanduser().absolute()
    return [
        f"dataset: {setting}: {path} is not in `source` of params.yaml ({source}), so `dvc repro` sees no change in it;"
        f" set `source: {path.absolute()}`"
        for setting, path in _list_sources(dataset)
        if not path.absolute().is_relative_to(watched)
    ]


def check_sources(dataset: object, raw: Path) -> None:
    """Refuse a source that lies in the raw folder, also through links, because the raw folder is replaced.

    Raises
    ------
    UserError
        A setting of the dataset names such a file or folder, or one that contains the raw folder.
    """
    target = raw.resolve()
    for setting, source in _list_sources(dataset):
        inside = [source.resolve(), *(path.resolve() for path in source.rglob("*") if path.is_symlink())]
        if any(path.is_relative_to(target) for path in inside) or target.is_relative_to(source.resolve()):
            raise UserError(
                f"dataset: {setting}: a source outside {raw} expected, {source} found; that folder is replaced by"
                " download, so move the source elsewhere"
            )


def _list_sources(dataset: object) -> Iterator[tuple[str, Path]]:
    """Yield the settings of a dataset that name a file or folder of the user's, with its path."""
    for field in fields(dataset):  # type: ignore[arg-type]
        value = getattr(dataset, field.name)
        if field.name in SOURCES and isinstance(value, str) and Path(value).expanduser().exists():
            yield field.name, Path(value).expanduser()


def check_folder(source: Path) -> None:
    """Raise `UserError` if a user's folder is none."""
    if not source.is_dir():
        raise UserError(f"folder {source}: a folder expected, {'a file' if source.exists() else 'nothing'} found there")


def link_files(source: Path, place: Place, raw: Path) -> int:
    """Link files of a user's folder into `raw`; the folder is neither copied nor changed.

    Parameters
    ----------
    source : the user's folder
    place : path below `source` -> path below `raw`, or None to leave the file out
    raw : folder to fill

    Returns
    -------
    number of files linked

    Raises
    ------
    UserError
        `source` is no folder, or two files have the same place.
    """
    check_folder(source)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    links = [(path, target) for path in files if (target := place(PurePosixPath(path.relative_to(source).as_posix())))]
    for path, target in links:
        reserve_target(raw / target, path.name).symlink_to(path.resolve())
    return len(links)


def reserve_target(target: Path, name: str) -> Path:
    """Make the parent folder of a target; raise `UserError` if the target exists."""
    if target.exists() or target.is_symlink():
        raise UserError(f"{name!r:.200}: a second file for {target.name}; keep one format of each clip")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
