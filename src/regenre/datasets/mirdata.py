"""Datasets that mirdata indexes (Bittner et al. 2019), if their tracks have a genre, a style or the like.

"mirdata: Software for Reproducible Usage of Datasets", ISMIR 2019. mirdata fetches a dataset, without a limit, and
compares its files with the MD5 in its index.

    Mirdata   one of these datasets
"""

from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError, find_cause
from regenre.common.kinds import strict_dataclass
from regenre.datasets.dataset import read_facts, write_facts
from regenre.datasets.sources import check_folder


@strict_dataclass
class Mirdata:
    """A dataset of mirdata from a folder, or fetched by mirdata.

    Parameters
    ----------
    name : mirdata's name of the dataset, e.g. `ballroom`
    genre : attribute of its tracks: a text, or a list of one text; other tracks are excluded
    group : attribute of its tracks, text or a list; a track without it is a group of its own
    path : attribute of its tracks that names the audio file
    version : of the index; one of mirdata's
    folder : folder of the dataset (mirdata's `data_home`); its files are linked, not copied
    downloads : folder for what mirdata fetches
    """

    genre: str
    group: str
    path: str
    version: str
    downloads: str
    name: str | None = None
    folder: str | None = None

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Let mirdata fetch the dataset and verify its files; link the clips, and write the facts about them."""
        home = Path(self.folder).expanduser() if self.folder else Path(self.downloads) / "mirdata" / str(self.name)
        dataset = self._make_dataset(home)
        if self.folder:
            check_folder(home)
        try:
            if not self.folder:
                dataset.download()
            elif not Path(dataset.index_path).is_file():
                dataset.download(["index"])
            wrong = self._list_wrong(dataset)
            rows = [self._describe(dataset.track(track_id), home, wrong) for track_id in dataset.track_ids]
        except UserError:
            raise
        except Exception as error:  # of a dataset's own module in mirdata
            raise UserError(
                f"mirdata: the dataset {self.name} in {home} cannot be fetched or read ({find_cause(error)}); get it by"
                " other means and pass dataset.folder=/path"
            ) from error
        clips = pd.DataFrame(rows)
        clips["group"] = tables.fill_groups(clips["group"], clips["clip_id"])
        for path in clips["path"][clips["path"] != ""].unique():
            (raw / path).parent.mkdir(parents=True, exist_ok=True)
            (raw / path).symlink_to((home / path).resolve())
        write_facts(raw, clips)
        return f"{(clips['path'] != '').sum()} clips of {self.name} from {home}"

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per track."""
        return read_facts(raw)

    def _make_dataset(self, home: Path) -> Any:
        try:
            import mirdata
        except ImportError as error:
            raise UserError("mirdata expected, none found; run pip install 'regenre[mirdata]'") from error
        if self.name not in mirdata.list_datasets():
            raise UserError(
                f"conf/dataset/mirdata.yaml: name: a dataset of mirdata expected, {self.name!r} found; see"
                " `python -c 'import mirdata; print(mirdata.list_datasets())'`"
            )
        try:
            return mirdata.initialize(self.name, str(home), self.version)
        except (ValueError, ImportError) as error:  # the version; a library that this dataset needs besides
            raise UserError(f"mirdata: the dataset {self.name} expected ({find_cause(error)})") from error

    def _list_wrong(self, dataset: Any) -> set[str]:
        """Return the files of tracks that differ from the index.

        Raises
        ------
        UserError
            A file about all tracks differs, or is missing.
        """
        missing, invalid = dataset.validate(verbose=False)
        for files, state in ((missing, "none found"), (invalid, "another one found")):
            for paths in files.get("metadata", {}).values():
                raise UserError(
                    f"mirdata: {paths[0]}: the file that the index of {self.name} names expected, {state}; fetch it"
                    " again"
                )
        return {path for paths in invalid.get("tracks", {}).values() for path in paths}

    def _describe(self, track: Any, home: Path, wrong: set[str]) -> dict[str, str]:
        """Return the row of a track."""
        for setting, attribute in (("genre", self.genre), ("path", self.path)):
            if attribute not in dir(track):
                names = ", ".join(name for name in dir(track) if not name.startswith("_"))
                raise UserError(
                    f"conf/dataset/mirdata.yaml: {setting}: an attribute of the tracks of {self.name} expected"
                    f" ({names}), {attribute!r} found"
                )
        path = getattr(track, self.path)
        genres = _list_texts(getattr(track, self.genre))
        return {
            "clip_id": track.track_id,
            "path": Path(path).relative_to(home).as_posix() if path and Path(path).is_file() else "",
            "genre": genres[0] if len(genres) == 1 else "",
            "group": ", ".join(_list_texts(getattr(track, self.group))) if self.group in dir(track) else "",
            "broken": "its MD5 differs from that of mirdata's index" if path in wrong else "",
        }


def _list_texts(value: Any) -> list[str]:
    """Return the texts of an attribute; none for what is no text."""
    return [text for text in (value if isinstance(value, list | tuple) else [value]) if isinstance(text, str)]
