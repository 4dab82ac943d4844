from pathlib import Path

import pandas as pd
import pytest

from regenre.common.errors import UserError
from regenre.datasets.manifest import Manifest

HELLO = "5d41402abc4b2a76b9719d911017c592"  # the MD5 of "hello", by md5sum


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "a").mkdir(parents=True)
    (folder / "a/1.wav").write_text("hello")
    (tmp_path / "elsewhere.wav").write_text("hello")
    (folder / "linked.wav").symlink_to(tmp_path / "elsewhere.wav")
    (folder / "dangling.wav").symlink_to(tmp_path / "nothing.wav")
    return folder


def test_every_file_is_listed_with_its_digest(raw: Path, tmp_path: Path) -> None:
    manifest = Manifest.make(raw)
    assert manifest.files == {"a/1.wav": HELLO, "dangling.wav": "", "linked.wav": HELLO}
    manifest.write(tmp_path / "raw.json")
    assert Manifest.read(tmp_path / "raw.json") == manifest


@pytest.mark.parametrize(
    ("path", "md5", "fault"),
    [("a/1.wav", HELLO, ""), ("", "", ""), ("a/1.wav", "0" * 32, "1.wav"), ("a/2.wav", HELLO, "2.wav")],
    ids=["as it was", "no file", "changed", "added"],
)
def test_a_clip_that_is_not_the_one_that_download_put_there_is_refused(
    raw: Path, path: str, md5: str, fault: str
) -> None:
    clips = pd.DataFrame({"path": [path], "md5": [md5]})
    if not fault:
        return Manifest.make(raw).check(clips, raw)
    with pytest.raises(UserError, match=rf"{fault}: the file that `download` put there expected, .*; run `dvc repro "):
        Manifest.make(raw).check(clips, raw)
    return None
