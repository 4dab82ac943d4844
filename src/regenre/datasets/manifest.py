"""The manifest of a dataset: every file that `download` put on disk, with its digest.

DVC watches this small file. It goes wherever the results go, and the clips stay where they are: a project with the
manifest and without the clips still has its features, cells and page, and nothing is out of date.
"""

from pathlib import Path
from typing import ClassVar, Self

import pandas as pd
from joblib import Parallel, delayed

from regenre.common import files, records
from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass


@strict_dataclass
class Manifest:
    """The files of a raw folder.

    Parameters
    ----------
    files : path below the raw folder -> MD5; "" for a link to nothing
    """

    FORMAT: ClassVar[int] = 1

    files: dict[str, str]

    @classmethod
    def make(cls, raw: Path) -> Self:
        """Digest every file of a raw folder, in the processes of the current `compute` backend."""
        paths = sorted(path for path in raw.rglob("*") if path.is_symlink() or path.is_file())
        digests = Parallel()(delayed(_compute_md5)(path.absolute()) for path in paths)
        return cls({str(path.relative_to(raw)): md5 for path, md5 in zip(paths, digests, strict=True)})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the manifest that `write` wrote."""
        return records.read_record(path, cls, "run `dvc repro`")

    def write(self, path: Path) -> None:
        """Write the manifest as JSON."""
        records.write_record(path, self)

    def check(self, clips: pd.DataFrame, raw: Path) -> None:
        """Compare the digests of a clip table with those of the manifest.

        Raises
        ------
        UserError
            A clip was changed or added since `download`.
        """
        for path, md5 in clips.loc[clips["path"] != "", ["path", "md5"]].itertuples(index=False):
            if self.files.get(path) != md5:
                raise UserError(
                    f"{raw / path}: the file that `download` put there expected, another one found; {files.FETCH_AGAIN}"
                )


def _compute_md5(path: Path) -> str:
    return files.compute_md5(path) if path.is_file() else ""
