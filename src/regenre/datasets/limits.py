"""The most that a dataset may fetch and unpack.

Limits  settings: all bounds of a dataset
Bound   one of them, and where it is set
"""

from dataclasses import dataclass

from regenre.common.kinds import Count, strict_dataclass

MB = 10**6
PIECE = 1 << 16  # bytes that are read at once; a cut connection loses less than one piece


@strict_dataclass
class Limits:
    """The most that a dataset may fetch and unpack. 1 MB is 10^6 bytes.

    Parameters
    ----------
    fetch_mb : size of the archive to fetch
    index_mb : size of the file to fetch that has the artists
    fetch_s : seconds that a file may take, from each mirror
    unpack_mb : size of all members of the archive
    entries : number of members of the archive, folders included
    """

    fetch_mb: Count
    index_mb: Count
    fetch_s: Count
    unpack_mb: Count
    entries: Count

    def get_bound(self, name: str, conf: str) -> "Bound":
        """Return one of the limits, with the file that sets it."""
        return Bound(getattr(self, name), f"limits.{name} in {conf}")


@dataclass(frozen=True)
class Bound:
    """The most that is accepted, and where a user can change it."""

    value: int
    place: str

    def explain(self, unit: str) -> str:
        """Return what is wrong beyond the bound."""
        return f"at most {self.value} {unit} expected ({self.place}), more found"
