"""GTZAN: 1000 clips of 30 s, ten genres (Tzanetakis and Cook 2002), with Sturm's index of artists (2012).

Clips are found by name (`blues.00000.au`, `.wav` or `.flac`) at any depth of an archive or a folder, so the layouts of
the original and of the copies on Hugging Face and Kaggle all work.

    Gtzan            the dataset
    parse_artists    text of the index -> artist of each clip
    digest_artists   file of the index -> MD5 of its facts
"""

import csv
import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.files import compute_md5
from regenre.common.kinds import CountOrZero, strict_dataclass
from regenre.datasets.collection import Collection, Mirrors
from regenre.datasets.dataset import CLIP_FACTS

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
_CLIP = re.compile(rf"(({'|'.join(GENRES)})\.\d{{5}})\.(wav|au|flac)", re.IGNORECASE)
INDEX = "artists.txt"


@strict_dataclass
class Gtzan(Collection):
    """GTZAN from a folder, an archive or the network, see `Collection`.

    Parameters
    ----------
    artists : a local copy of Sturm's index (GTZANindex.txt), or a CSV or Parquet file with clip_id and artist
    artists_mirrors : `url` and `md5` of the index; md5 as `digest_artists` computes it
    numbers : number of clips that a genre should have, numbered from 0; a missing clip has a row with path ""
    """

    artists_mirrors: Mirrors
    numbers: CountOrZero
    artists: str | None = None

    audio: ClassVar[bool] = True

    @property
    def conf(self) -> str:
        """The leaf that has the settings."""
        return "conf/dataset/gtzan.yaml"

    def download(self, raw: Path) -> str:
        """Link, unpack or fetch the clips, and write the index of artists beside them."""
        n_files, source = self.collect(_place_clip, raw)
        if n_files == 0:
            raise UserError(
                f"{source}: no GTZAN clip found; files such as blues.00000.wav (or .au, .flac) expected at any depth"
            )
        (raw / INDEX).write_text(self._read_artists(), encoding="utf-8")
        return f"{n_files} clips from {source}"

    def _read_artists(self) -> str:
        """Return the text of the index of artists, from the local copy or the network."""
        if self.artists:
            path = Path(self.artists).expanduser()
            if not path.is_file():
                raise UserError(
                    f"artists {path}: Sturm's GTZANindex.txt expected, no file found; check dataset.artists"
                )
            return _read_own_artists(path)
        remedy = "get Sturm's GTZANindex.txt by other means and pass dataset.artists=/path"
        return _decode_text(self.fetch(self.artists_mirrors, "GTZANindex.txt", remedy, "index_mb", digest_artists))

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per file and per missing number; the groups are Sturm's artists."""
        paths = {
            match[1].lower(): path.relative_to(raw).as_posix()
            for path in sorted(raw.rglob("*"))
            if (match := _CLIP.fullmatch(path.name))
        }
        expected = {f"{genre}.{number:05d}" for genre in GENRES for number in range(self.numbers)}
        artists = parse_artists((raw / INDEX).read_text(encoding="utf-8"))
        rows = [
            (clip_id, paths.get(clip_id, ""), clip_id.split(".")[0], artists.get(clip_id) or clip_id)
            for clip_id in sorted(expected | set(paths))
        ]
        return pd.DataFrame(rows, columns=CLIP_FACTS, dtype=object)


def _place_clip(path: PurePosixPath) -> str | None:
    """Return `<genre>/<file name>` for a clip of GTZAN, None for any other file."""
    match = _CLIP.fullmatch(path.name)
    return f"{match[2]}/{match[0]}".lower() if match else None


def _read_own_artists(path: Path) -> str:
    """Return the text of a user's index, in one of the forms of `parse_artists`.

    Raises
    ------
    UserError
        It names no clip, or two artists for a clip: a wrong index would let artists straddle folds.
    """
    if path.suffix.lower() in tables.USER_SUFFIXES:
        table = tables.read_user_table(path, ["clip_id", "artist"]).replace(r"\s+", " ", regex=True)  # a line a row
        text = table.to_csv(index=False)
    else:
        text = _decode_text(path)
    facts = {(clip_id, artist) for clip_id, artist in _split_rows(text) if _CLIP.fullmatch(f"{clip_id}.wav")}
    if not facts:
        raise UserError(
            f"artists {path}: Sturm's lines `blues.00000.wav ::: artist ::: title` expected, or a CSV with clip_id and"
            " artist; no clip of GTZAN found; check dataset.artists"
        )
    twice = sorted(clip_id for clip_id, n in Counter(clip_id for clip_id, _ in facts).items() if n > 1)
    if twice:
        names = " and ".join(repr(artist) for clip_id, artist in sorted(facts) if clip_id == twice[0])
        raise UserError(f"artists {path}: clip {twice[0]}: one artist expected, {names} found; keep one")
    return text


def parse_artists(text: str) -> dict[str, str]:
    """Parse Sturm's lines `blues.00000.wav ::: artist ::: title`, or CSV lines `blues.00000,artist,title`.

    Returns
    -------
    clip_id -> artist, "" if Sturm does not know the artist
    """
    return dict(_split_rows(text))


def _split_rows(text: str) -> list[tuple[str, str]]:
    """Return the clip_id and the artist of each line."""
    try:
        rows = [
            [cell.strip() for cell in (line.split(":::") if ":::" in line else next(csv.reader([line])))]
            for line in text.splitlines()
            if line.strip()
        ]
    except csv.Error as error:
        raise UserError(
            f"index of artists: lines of Sturm's index or of a CSV expected, something else found ({error});"
            " check dataset.artists"
        ) from error
    return [(row[0].removesuffix(".wav"), row[1]) for row in rows if len(row) > 1 and row[0] != "clip_id"]


def digest_artists(path: Path) -> str:
    """Return the MD5 of the facts in the index: clip and artist, letters and digits only, in any encoding.

    A file that is no index has the MD5 of its bytes.
    """
    try:
        artists = parse_artists(_decode_text(path))
    except UserError:
        return compute_md5(path)
    facts = sorted(f"{clip_id} {_simplify(artist)}\n" for clip_id, artist in artists.items())
    return hashlib.md5("".join(facts).encode(), usedforsecurity=False).hexdigest()


def _simplify(name: str) -> str:
    """Return a name in lower case, with nothing but its ASCII letters and digits."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", ascii_only.lower())


def _decode_text(path: Path) -> str:
    """Read a text that is UTF-8 or Latin-1."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
