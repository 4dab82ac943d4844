"""A folder with one sub-folder per class, for example speech, music and birds, or a user's own genres."""

from pathlib import Path
from typing import ClassVar

import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass
from regenre.common.paths import BESIDE, is_beside
from regenre.datasets.dataset import CLIP_FACTS
from regenre.datasets.sources import check_folder
from regenre.decoding import LOST, SUFFIXES, count_left_out, find_audio

GROUPS = "groups.csv"


@strict_dataclass
class Folder:
    """A folder of audio files, one sub-folder per class.

    Clips may lie at any depth below their class, in every format that `decoding` reads. The text of `clip.wav` is
    `clip.txt` beside it.

    Parameters
    ----------
    folder : folder of the classes
    groups : CSV with columns clip_id (path below the folder, e.g. `music/a.flac`) and group (artist
        or recording); None for the folder's own `groups.csv`, if it exists. A clip without a
        row is a group of its own.
    """

    folder: str | None = None
    groups: str | None = None

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Link the audio files and their texts into `raw`, and copy the table of groups."""
        if self.folder is None:
            raise UserError(
                "dataset folder: no folder given; set `folder:` in conf/dataset/folder.yaml"
                " or pass dataset.folder=/path/to/classes"
            )
        source = Path(self.folder).expanduser()
        check_folder(source)
        paths, left_out = find_audio(source)
        clips = [path.relative_to(source) for path in paths]
        clips += [Path(path) for path, reason in left_out.items() if reason == LOST]  # a row of the clip table each
        for clip in clips:
            if not _is_text(clip):
                left_out[str(clip)] = "not named in UTF-8; rename it"
            elif len(clip.parts) > 1:
                (raw / clip).parent.mkdir(parents=True, exist_ok=True)
                (raw / clip).symlink_to((source / clip).resolve())
            else:
                left_out[str(clip)] = "not in the folder of a class"
        n_links = len(_list_paths(raw))
        _link_texts(source, raw)
        groups = Path(self.groups).expanduser() if self.groups else source / GROUPS
        if self.groups or groups.is_file():
            tables.read_groups(groups, _list_paths(raw))  # so that an error names the user's file, not the copy
            (raw / GROUPS).write_bytes(groups.read_bytes())
        _check_classes(source, raw)
        unused = {path: reason for path, reason in left_out.items() if reason != LOST and not _is_companion(Path(path))}
        message = f"{n_links} files linked from {source}"
        return f"{message}; left out: {count_left_out(unused)}" if unused else message

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per file; `clip_id` is its path below the folder."""
        paths = _list_paths(raw)
        clips = pd.DataFrame(
            {"clip_id": paths, "path": paths, "genre": [path.split("/")[0] for path in paths]}, dtype=object
        )
        groups = raw / GROUPS
        group = tables.read_groups(groups, clips["clip_id"]) if groups.is_file() else clips["clip_id"]
        return clips.assign(group=group)[CLIP_FACTS]


def _list_paths(raw: Path) -> pd.Series:
    """Return the paths of the clips below the folder: their clip_ids."""
    paths = (path for path in raw.rglob("*") if path.suffix.lower() in SUFFIXES and not path.is_dir())
    return pd.Series(sorted(path.relative_to(raw).as_posix() for path in paths), dtype=object)


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_companion(path: Path) -> bool:
    """Return whether a file is the text or the transcript of a clip, or the table of groups."""
    return is_beside(path.name) or str(path) == GROUPS


def _link_texts(source: Path, raw: Path) -> None:
    """Link the text and the transcript beside each clip into `raw`."""
    for path in sorted(raw.rglob("*")):
        for suffix in BESIDE:
            text = (source / path.relative_to(raw)).with_suffix(suffix)
            if path.is_file() and text.is_file() and not path.with_suffix(suffix).exists():
                path.with_suffix(suffix).symlink_to(text.resolve())


def _check_classes(source: Path, raw: Path) -> None:
    """Raise `UserError` for a class without clips and for fewer than two classes."""
    folders = [path.relative_to(source) for path in source.iterdir() if path.is_dir()]
    classes = sorted(folder.name for folder in folders if _is_text(folder) and not folder.name.startswith("."))
    empty = [name for name in classes if not (raw / name).is_dir()]
    if empty:
        raise UserError(
            f"folder {source}: class {empty[0]} holds no audio file; add clips"
            f" ({' '.join(sorted(SUFFIXES))}) or remove the folder"
        )
    if len(classes) < 2:
        raise UserError(
            f"folder {source}: at least two class sub-folders expected,"
            f" {len(classes)} found ({', '.join(classes) or 'none'})"
        )
