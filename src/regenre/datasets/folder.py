"""Any folder of class sub-folders: speech / music / birds, or people's own genres."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pandas as pd

from regenre import fetch
from regenre.audio import FORMATS
from regenre.datasets import CLIP_FACTS
from regenre.errors import UserError

GROUPS = "groups.csv"


@dataclass(frozen=True)
class Folder:
    """A class per sub-folder, at any depth below it, in every format that libsndfile reads; clip.txt is a clip's text.

    Parameters
    ----------
    folder : the folder
    groups : CSV with columns clip_id (path below the folder, e.g. `music/a.flac`) and group (artist
        or recording); None takes the folder's own `groups.csv` where there is one. A clip without a
        row is a group of its own.
    """

    folder: str | None = None
    groups: str | None = None

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Link the audio files into `raw`."""
        if self.folder is None:
            raise UserError(
                "dataset folder: no folder given; set `folder:` in conf/dataset/folder.yaml"
                " or pass dataset.folder=/path/to/classes"
            )
        source = Path(self.folder).expanduser()
        n_files = fetch.links(source, _place, raw)
        _link_texts(source, raw)
        groups = Path(self.groups).expanduser() if self.groups else source / GROUPS
        if self.groups or groups.is_file():
            (raw / GROUPS).write_bytes(groups.read_bytes())
        _check_classes(source, raw)
        return f"{n_files} files linked from {source}"

    def clips(self, raw: Path) -> pd.DataFrame:
        """A clip per file; `clip_id` is its path below the folder."""
        paths = sorted(
            path.relative_to(raw).as_posix() for path in raw.rglob("*") if _place(PurePosixPath(path.relative_to(raw)))
        )
        clips = pd.DataFrame(
            {"clip_id": paths, "path": paths, "genre": [path.split("/")[0] for path in paths]}, dtype=object
        )
        return clips.assign(group=_groups(raw / GROUPS, clips["clip_id"]))[CLIP_FACTS]


def _place(path: PurePosixPath) -> str | None:
    hidden = any(part.startswith(".") for part in path.parts)
    return None if hidden or len(path.parts) < 2 or path.suffix.lower() not in FORMATS else path.as_posix()


def _link_texts(source: Path, raw: Path) -> None:
    for path in sorted(raw.rglob("*")):
        text = (source / path.relative_to(raw)).with_suffix(".txt")
        if path.is_file() and text.is_file() and not path.with_suffix(".txt").exists():
            path.with_suffix(".txt").symlink_to(text.resolve())


def _check_classes(source: Path, raw: Path) -> None:
    classes = sorted(path.name for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    empty = [name for name in classes if not (raw / name).is_dir()]
    if empty:
        raise UserError(
            f"folder {source}: class {empty[0]} holds no audio file; add clips"
            f" ({' '.join(sorted(FORMATS))}) or remove the folder"
        )
    if len(classes) < 2:
        raise UserError(
            f"folder {source}: at least two class sub-folders expected,"
            f" {len(classes)} found ({', '.join(classes) or 'none'})"
        )


def _groups(table: Path, clip_ids: pd.Series) -> pd.Series:
    if not table.is_file():
        return clip_ids
    given = pd.read_csv(table, dtype=str, keep_default_na=False)
    if not {"clip_id", "group"} <= set(given):
        raise UserError(f"{GROUPS}: columns clip_id and group expected, {', '.join(given.columns)} found")
    unknown = given["clip_id"][~given["clip_id"].isin(clip_ids)]
    if len(unknown):
        raise UserError(
            f"{GROUPS}: clip {unknown.iloc[0]} is not in the folder; expected a path such as {clip_ids.iloc[0]}"
        )
    return (
        clip_ids.map(given.drop_duplicates("clip_id").set_index("clip_id")["group"]).replace("", None).fillna(clip_ids)
    )
