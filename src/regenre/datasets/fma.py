"""FMA, clips of 30 s from the Free Music Archive (Defferrard, Benzi, Vandergheynst and Bresson 2017).

"FMA: A Dataset for Music Analysis", ISMIR 2017. The clips are MP3 files, and `fma_metadata.zip` has the facts about
their tracks in `tracks.csv`. A clip is named as its file: `000/000002.mp3` is the clip 000002.

    Fma           one of the subsets small, medium and large
    read_tracks   tracks.csv -> names, genres, artists, subsets and parts
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal

import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass
from regenre.datasets.collection import Collection, Mirrors
from regenre.datasets.dataset import read_facts, write_facts

SUBSETS = ("small", "medium", "large")  # each is part of the next
TRACKS, METADATA = "tracks.csv", "fma_metadata.zip"
_CLIP = re.compile(r"(\d{3})\d{3}\.mp3")
_COLUMNS = {  # the first two lines of tracks.csv -> our names
    ("artist", "id"): "artist_id", ("artist", "name"): "artist", ("set", "split"): "part", ("set", "subset"): "subset",
    ("track", "genre_top"): "genre",
}  # fmt: skip
_PARTS = {"training": "train", "validation": "valid", "test": "test"}


@strict_dataclass
class Fma(Collection):
    """A subset of FMA from a folder, an archive or the network, see `Collection`.

    The genre is the top-level genre of the track (`track.genre_top`) and the group is its artist. The part of the
    published split (`set.split`) is what `official` of conf/split reads.

    Parameters
    ----------
    subset : the clips to list; a missing one has a row with path ""
    metadata : a local copy of tracks.csv or fma_metadata.zip
    metadata_mirrors : of fma_metadata.zip
    broken : clip -> why it is left out
    """

    subset: Literal["small", "medium", "large"]
    metadata_mirrors: Mirrors
    broken: Mapping[str, str]
    metadata: str | None = None

    audio: ClassVar[bool] = True

    @property
    def conf(self) -> str:
        """The leaf that has the settings."""
        return f"conf/dataset/fma_{self.subset}.yaml"

    def download(self, raw: Path) -> str:
        """Link, unpack or fetch the clips of the subset, and write the facts about them."""
        tracks = self._read_tracks()  # a mistake in them is found before gigabytes are fetched
        is_listed = tracks["subset"].isin(SUBSETS[: SUBSETS.index(self.subset) + 1])
        others = set(tracks["clip_id"][~is_listed])

        def place(path: PurePosixPath) -> str | None:
            match = _CLIP.fullmatch(path.name)
            return f"{match[1]}/{path.name}" if match and path.stem not in others else None

        n_files, source = self.collect(place, raw)
        if n_files == 0:
            raise UserError(
                f"{source}: no clip of fma_{self.subset} found; files such as 000/000002.mp3 expected at any depth"
            )
        write_facts(raw, self._list_facts(tracks[is_listed], raw))
        return f"{n_files} clips from {source}"

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per clip of the subset, and per file that tracks.csv does not name: its genre is unknown."""
        return read_facts(raw)

    def _read_tracks(self) -> pd.DataFrame:
        """Return the table of tracks, from the local copy or the network."""
        if self.metadata:
            path = Path(self.metadata).expanduser()
            if path.suffix.lower() == ".csv" or not path.is_file():
                return read_tracks(path)
        else:
            remedy = f"get {METADATA} by other means and pass dataset.metadata=/path"
            path = self.fetch(self.metadata_mirrors, METADATA, remedy, "index_mb")
        with TemporaryDirectory() as folder:
            self.unpack(path, lambda member: TRACKS if member.name == TRACKS else None, Path(folder))
            return read_tracks(Path(folder) / TRACKS)

    def _list_facts(self, tracks: pd.DataFrame, raw: Path) -> pd.DataFrame:
        paths = {path.stem: path.relative_to(raw).as_posix() for path in raw.rglob("*.mp3")}
        clip_ids = sorted({*tracks["clip_id"], *paths})
        clips = tracks.set_index("clip_id").reindex(clip_ids, fill_value="").reset_index()
        artist = (clips["artist"] + " (" + clips["artist_id"] + ")").where(clips["artist_id"] != "", "").str.strip()
        return clips.assign(
            path=clips["clip_id"].map(paths).fillna(""),
            group=tables.fill_groups(artist, clips["clip_id"]),
            part=clips["part"].map(_PARTS).fillna(""),
            broken=clips["clip_id"].map(dict(self.broken)).fillna(""),
        )


def read_tracks(path: Path) -> pd.DataFrame:
    """Read tracks.csv of FMA: two lines name the columns, and the third has nothing but the name of the first column.

    Returns
    -------
    one row per track, columns of text: clip_id, artist_id, artist, part, subset, genre; "" where there is none

    Raises
    ------
    UserError
        The file is missing, is no such table, is cut, or has two rows for a track.
    """
    remedy = f"get {TRACKS} of FMA, or {METADATA}, and pass dataset.metadata=/path"
    options = {"header": None, "dtype": str, "keep_default_na": False, "encoding": "utf-8"}
    head = tables.read_file(path, pd.read_csv, remedy, nrows=3, **options)
    names = list(zip(*head.iloc[:2].to_numpy(), strict=True))
    missing = [".".join(name) for name in _COLUMNS if name not in names]
    if missing or head.iat[2, 0] != "track_id":
        raise UserError(
            f"{path}: {TRACKS} of FMA with three lines above the tracks expected, no column"
            f" {missing[0] if missing else 'track_id'} found there; {remedy}"
        )
    columns = {0: "clip_id"} | {names.index(name): ours for name, ours in _COLUMNS.items()}
    rows = tables.read_file(path, pd.read_csv, remedy, skiprows=3, usecols=list(columns), **options)
    tracks = rows.rename(columns=columns)
    tracks["clip_id"] = tracks["clip_id"].str.zfill(6)
    others = tracks[~tracks["subset"].isin(SUBSETS)]
    if len(others):
        found = f"{others['subset'].iloc[0]!r} found for {others['clip_id'].iloc[0]}"
        raise UserError(f"{path}: small, medium or large expected in set.subset, {found}; {remedy}")
    twice = tracks["clip_id"][tracks["clip_id"].duplicated()]
    if len(twice):
        raise UserError(f"{path}: one row for each track expected, two found for {twice.iloc[0]}; {remedy}")
    return tracks
