"""A collection of recordings that others published: from a folder, an archive or the network.

Collection   its settings, and how its files come to the raw folder
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path, PurePosixPath

from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass
from regenre.datasets import download
from regenre.datasets.archives import unpack_archive
from regenre.datasets.limits import Bound, Limits
from regenre.datasets.sources import Place, link_files

Mirrors = Sequence[Mapping[str, str]]
"""`url`, and `md5` or `sha1`, of the places that have a file."""


@strict_dataclass
class Collection:
    """Recordings from a folder, an archive or the network: the first of them that is set.

    Parameters
    ----------
    mirrors : of the archive
    downloads : folder for the files that are fetched
    limits : the most that is fetched and unpacked
    folder : folder with the clips at any depth; they are linked, not copied
    archive : tar or zip file with the clips
    """

    mirrors: Mirrors
    downloads: str
    limits: Limits
    _: KW_ONLY
    folder: str | None = None
    archive: str | None = None

    @property
    @abstractmethod
    def conf(self) -> str:
        """The leaf that has the settings."""

    def get_bound(self, name: str) -> Bound:
        """Return one of the limits, with the leaf that sets it."""
        return self.limits.get_bound(name, self.conf)

    def collect(self, place: Place, raw: Path) -> tuple[int, str]:
        """Link or unpack the clips into `raw`; return their number and the source.

        Raises
        ------
        UserError
            There is no such folder or archive, no mirror delivers it, or a limit is exceeded.
        """
        if self.folder:
            return link_files(Path(self.folder).expanduser(), place, raw), f"folder {self.folder}"
        archive = Path(self.archive).expanduser() if self.archive else self._fetch_archive()
        if not archive.is_file():
            raise UserError(f"archive {archive}: a tar or zip archive expected, no file found; check dataset.archive")
        return self.unpack(archive, place, raw), f"archive {archive}"

    def unpack(self, archive: Path, place: Place, raw: Path) -> int:
        """Unpack members of an archive within the limits; return their number."""
        return unpack_archive(archive, place, raw, self.get_bound("unpack_mb"), self.get_bound("entries"))

    def fetch(
        self, mirrors: Mirrors, name: str, remedy: str, most_mb: str, digest: Callable[[Path], str] | None = None
    ) -> Path:
        """Fetch a file into `downloads`, unless it is there already; return its path.

        Parameters
        ----------
        most_mb : name of the limit of its size
        remedy, digest : see `download.download`
        """
        target = Path(self.downloads) / name
        download.download(mirrors, target, remedy, self.get_bound(most_mb), self.get_bound("fetch_s"), digest)
        return target

    def _fetch_archive(self) -> Path:
        if not self.mirrors:
            raise UserError(f"{self.conf}: mirrors: at least one expected, none found; or set `folder:` or `archive:`")
        remedy = (
            "get the archive by other means and pass dataset.archive=/path, or dataset.folder=/path to unpacked clips"
        )
        return self.fetch(self.mirrors, PurePosixPath(self.mirrors[0]["url"]).name, remedy, "fetch_mb")
