"""GTZAN: 1000 clips of 30 s, ten genres (Tzanetakis and Cook 2002), with Sturm's index of artists.

The clips are found by name wherever they lie in an archive or a folder (`blues.00000.au`, `.wav` or
`.flac`), so that the original's, the Hugging Face and the Kaggle copies' layouts all work.
"""

import csv
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pandas as pd

from regenre import fetch
from regenre.datasets import CLIP_FACTS
from regenre.errors import UserError

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
_CLIP = re.compile(rf"(({'|'.join(GENRES)})\.\d{{5}})\.(wav|au|flac)", re.IGNORECASE)
INDEX = "artists.txt"


@dataclass(frozen=True)
class Gtzan:
    """GTZAN out of a folder, an archive or the network, whichever is given first.

    Parameters
    ----------
    folder : a folder that holds the clips at any depth; linked, not copied
    archive : a tar or zip that holds them
    mirrors : `url` and `md5` of archives to fetch
    downloads : where a fetched archive is kept
    artists : a local copy of Sturm's index (GTZANindex.txt, or a CSV with clip_id and artist)
    artists_mirrors : `url` and `md5` of the index; md5 as `artists_digest` gives it
    numbers : clips a genre should have, numbered from 0; one that is missing gets a row that says so
    """

    mirrors: Sequence[Mapping[str, str]]
    artists_mirrors: Sequence[Mapping[str, str]]
    downloads: str
    numbers: int
    folder: str | None = None
    archive: str | None = None
    artists: str | None = None

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Link, unpack or fetch the clips; put the index of artists beside them."""
        n_files, source = self._clips_into(raw)
        if n_files == 0:
            raise UserError(
                f"{source}: no GTZAN clip found; files such as blues.00000.wav (or .au, .flac) expected at any depth"
            )
        (raw / INDEX).write_text(self._artists(), encoding="utf-8")
        return f"{n_files} clips from {source}"

    def _clips_into(self, raw: Path) -> tuple[int, str]:
        if self.folder:
            return fetch.links(Path(self.folder).expanduser(), _place, raw), f"folder {self.folder}"
        archive = Path(self.archive).expanduser() if self.archive else self._fetched()
        if not archive.is_file():
            raise UserError(f"archive {archive}: no such file")
        return fetch.unpack(archive, _place, raw), f"archive {archive}"

    def _fetched(self) -> Path:
        target = Path(self.downloads) / PurePosixPath(self.mirrors[0]["url"]).name
        remedy = (
            "get the archive by other means and pass dataset.archive=/path, or dataset.folder=/path to unpacked clips"
        )
        fetch.download(self.mirrors, target, remedy)
        return target

    def _artists(self) -> str:
        if self.artists:
            path = Path(self.artists).expanduser()
            if not path.is_file():
                raise UserError(f"artists {path}: no such file; Sturm's GTZANindex.txt expected")
            return _decoded(path)
        target = Path(self.downloads) / "GTZANindex.txt"
        fetch.download(
            self.artists_mirrors,
            target,
            "get Sturm's GTZANindex.txt by other means and pass dataset.artists=/path",
            digest=artists_digest,
        )
        return _decoded(target)

    def clips(self, raw: Path) -> pd.DataFrame:
        """A clip per file and per missing number; groups are Sturm's artists."""
        found = {
            match[1].lower(): path.relative_to(raw).as_posix()
            for path in sorted(raw.rglob("*"))
            if (match := _CLIP.fullmatch(path.name))
        }
        expected = {f"{genre}.{number:05d}" for genre in GENRES for number in range(self.numbers)}
        artists = parse_artists((raw / INDEX).read_text(encoding="utf-8"))
        rows = [
            (clip_id, found.get(clip_id, ""), clip_id.split(".")[0], artists.get(clip_id) or clip_id)
            for clip_id in sorted(expected | set(found))
        ]
        return pd.DataFrame(rows, columns=CLIP_FACTS, dtype=object)


def _place(path: PurePosixPath) -> str | None:
    match = _CLIP.fullmatch(path.name)
    return f"{match[2]}/{match[0]}".lower() if match else None


def parse_artists(text: str) -> dict[str, str]:
    """Sturm's lines `blues.00000.wav ::: artist ::: title`, or CSV lines `blues.00000,artist,title`.

    Returns
    -------
    clip_id -> artist, "" where Sturm could not tell
    """
    rows = [
        [cell.strip() for cell in (line.split(":::") if ":::" in line else next(csv.reader([line])))]
        for line in text.splitlines()
        if line.strip()
    ]
    return {row[0].removesuffix(".wav"): row[1] for row in rows if len(row) > 1 and row[0] != "clip_id"}


def artists_digest(path: Path) -> str:
    """MD5 of what the index says (clip and artist, letters and digits only), whatever its encoding."""
    facts = sorted(f"{clip_id} {_plain(artist)}\n" for clip_id, artist in parse_artists(_decoded(path)).items())
    return hashlib.md5("".join(facts).encode(), usedforsecurity=False).hexdigest()


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", ascii_only.lower())


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
