"""Put the files of a new project, which lie at the top of the repository, into the package: `regenre/project/`."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, "src")
from regenre.common.paths import TEMPLATE


class BuildWithTemplate(build_py):
    """Copy the template too, and list it for the sdist; an editable installation copies nothing."""

    def get_data_files_without_manifest(self) -> list[tuple[str, str, str, list[str]]]:
        """Return (package, folder of the files, where they go, their names below the folder) for all data files."""
        names = [str(path) for pattern in TEMPLATE for path in sorted(Path().glob(pattern))]
        template = ("regenre", "", f"{self.build_lib}/regenre/project", names)
        return [*super().get_data_files_without_manifest(), template]

    _get_data_files = get_data_files_without_manifest  # setuptools takes this one for the wheel, that one for the sdist


setup(cmdclass={"build_py": BuildWithTemplate})
