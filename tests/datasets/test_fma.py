"""FMA's layout, made here: a few MP3 files, and tracks.csv with its three lines above the tracks."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest
import soundfile
from helpers import SR, build_leaf, noise

from regenre.common.errors import UserError
from regenre.datasets.dataset import CLIP_FACTS, MORE_FACTS
from regenre.datasets.fma import Fma, read_tracks
from regenre.datasets.sources import list_unwatched
from regenre.learning.splits import Official
from regenre.quality import clip_table

HEAD = """,album,artist,artist,set,set,track
,title,id,name,split,subset,genre_top
track_id,,,,,,
"""
ROWS = {
    "000002": "2,AWOL,1,AWOL,training,small,Hip-Hop",
    "000005": '5,"A ""long"" way, home",1,AWOL,validation,small,Hip-Hop',
    "000010": "10,Constant,6,NA,training,small,Pop",
    "000140": "140,Trip,54,AWOL,test,small,Pop",
    "000141": "141,Trip,54,AWOL,test,small,Hip-Hop",
    "000182": "182,Live,58,,test,small,",
    "098565": "98565,Cut,7,Cutter,training,small,Pop",
    "000190": "190,Other,59,Ed,training,medium,Jazz",
}


def encode_mp3(seed: int) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, noise(1.5, seed=seed), SR, format="MP3")
    return content.getvalue()


def write_zip(path: Path, members: dict[str, bytes | str]) -> str:
    """Write a zip compressed by bzip2, as FMA's are; return its SHA-1."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return hashlib.sha1(path.read_bytes()).hexdigest()


def write_tracks(path: Path, rows: dict[str, str] = ROWS, head: str = HEAD) -> str:
    path.write_text(head + "\n".join(rows.values()) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def clips() -> dict[str, bytes]:
    """Path in FMA's archive -> content. The track 000182 has no genre; 000140 is no MP3."""
    files = {f"fma_small/{name[:3]}/{name}.mp3": encode_mp3(int(name)) for name in ROWS}
    return files | {
        "fma_small/000/000140.mp3": b"\x00" * 1000,
        "fma_small/checksums": b"x",
        "fma_small/README.txt": b"x",
    }


@pytest.fixture
def folder(tmp_path: Path, clips: dict[str, bytes]) -> Path:
    for name, content in clips.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "raw").mkdir()
    return tmp_path / "source"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its address on a server on loopback."""
    (tmp_path / "site").mkdir()
    (tmp_path / "raw").mkdir(exist_ok=True)
    handler = type("Handler", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "site"))) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield tmp_path / "site", f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def make_fma(name: str = "fma_small", **settings: Any) -> Fma:
    return build_leaf("dataset", name, **settings)


def list_clips(dataset: Fma, raw: Path) -> pd.DataFrame:
    dataset.download(raw)
    return dataset.list_clips(raw).set_index("clip_id")


def test_archive_and_metadata_are_fetched_checked_and_split_as_published(
    tmp_path: Path, site: tuple[Path, str], clips: dict[str, bytes]
) -> None:
    root, url = site
    sha1 = write_zip(root / "fma_small.zip", clips)
    tracks = Path(write_tracks(tmp_path / "tracks.csv")).read_text()
    metadata = {"fma_metadata/tracks.csv": tracks, "fma_metadata/genres.csv": "x"}
    metadata_sha1 = write_zip(root / "fma_metadata.zip", metadata)
    dataset = make_fma(
        downloads=str(tmp_path / "downloads"),
        mirrors=[{"url": f"{url}/fma_small.zip", "sha1": sha1}],
        metadata_mirrors=[{"url": f"{url}/fma_metadata.zip", "sha1": metadata_sha1}],
    )
    raw = tmp_path / "raw"
    assert dataset.download(raw).startswith("7 clips from archive")
    assert sorted(path.name for path in raw.iterdir()) == ["000", "098", "clips.parquet"]
    listed = dataset.list_clips(raw)
    assert list(listed.columns) == CLIP_FACTS + MORE_FACTS
    table, findings, _ = clip_table.index_clips(listed, raw, 1.0)
    by_clip = table.set_index("clip_id")
    assert by_clip["path"].to_dict() == {name: f"{name[:3]}/{name}.mp3" for name in sorted(set(ROWS) - {"000190"})}
    assert list(by_clip["genre"]) == ["Hip-Hop", "Hip-Hop", "Pop", "Pop", "Hip-Hop", "", "Pop"]
    assert list(by_clip["group"]) == [
        "AWOL (1)", "AWOL (1)", "NA (6)", "AWOL (54)", "AWOL (54)", "(58)", "Cutter (7)"
    ]  # fmt: skip
    faults = by_clip["fault"][by_clip["fault"] != ""].to_dict()
    assert faults == {"000140": "unreadable", "000182": "unlabelled", "098565": "broken"}
    assert by_clip.loc["098565", "reason"] == "cut at the end of the track, 1.6 s of 30 s"
    assert set(findings["finding"]) == set(faults.values())
    assert list(by_clip["part"]) == ["train", "valid", "train", "test", "test", "test", "train"]
    usable = table[(table["status"] == "ok") & (table["genre"] == "Hip-Hop")].reset_index(drop=True)
    (fold,) = Official().deal(usable)
    assert [list(usable["clip_id"].iloc[rows]) for rows in (fold.train, fold.valid, fold.test)] == [
        ["000002"], ["000005"], ["000141"]
    ]  # fmt: skip


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, site: tuple[Path, str]) -> None:
    root, url = site
    sha1 = write_zip(root / "fma_metadata.zip", {"tracks.csv": "x"})
    dataset = make_fma(
        downloads=str(tmp_path / "downloads"), metadata_mirrors=[{"url": f"{url}/fma_metadata.zip", "sha1": "0" * 40}]
    )
    with pytest.raises(UserError, match=rf"fma_metadata.zip .*sha1 0{{40}} expected, {sha1} found.*dataset.metadata=/"):
        dataset.download(tmp_path / "raw")


def test_own_files_are_used_without_the_network(tmp_path: Path, folder: Path) -> None:
    path = write_tracks(tmp_path / "tracks.csv")
    linked = list_clips(make_fma(folder=str(folder), metadata=path, mirrors=[], metadata_mirrors=[]), tmp_path / "raw")
    assert (tmp_path / "raw/000/000002.mp3").is_symlink()
    (line,) = list_unwatched(make_fma(folder=str(folder), metadata=path), folder)
    assert line.startswith(f"dataset: metadata: {path} is not in `source`")
    metadata = tmp_path / "fma_metadata.zip"
    write_zip(metadata, {"fma_metadata/tracks.csv": Path(path).read_bytes()})
    write_zip(tmp_path / "a.zip", {name.name: name.read_bytes() for name in folder.rglob("*.mp3")})
    (tmp_path / "unpacked").mkdir()
    dataset = make_fma(archive=str(tmp_path / "a.zip"), metadata=str(metadata), mirrors=[], metadata_mirrors=[])
    pd.testing.assert_frame_equal(list_clips(dataset, tmp_path / "unpacked"), linked)


def test_a_larger_subset_has_the_clips_of_the_smaller_ones(tmp_path: Path, folder: Path) -> None:
    settings = {"folder": str(folder), "metadata": write_tracks(tmp_path / "tracks.csv"), "subset": "medium"}
    dataset = make_fma(**settings)
    assert dataset.conf == "conf/dataset/fma_medium.yaml"
    assert list(list_clips(dataset, tmp_path / "raw").index) == sorted(ROWS)


def test_a_missing_clip_and_a_clip_that_the_metadata_lack_have_rows(tmp_path: Path, folder: Path) -> None:
    rows = {name: row for name, row in ROWS.items() if name != "000005"}
    (folder / "fma_small/000/000141.mp3").unlink()
    dataset = make_fma(folder=str(folder), metadata=write_tracks(tmp_path / "tracks.csv", rows))
    listed = list_clips(dataset, tmp_path / "raw")
    assert listed.loc["000141", "path"] == ""
    assert listed.loc["000005"].to_dict() == {
        "path": "000/000005.mp3", "genre": "", "group": "000005", "part": "", "broken": ""
    }  # fmt: skip
    table, _, _ = clip_table.index_clips(listed.reset_index(), tmp_path / "raw", 1.0)
    faults = table.set_index("clip_id")["fault"]
    assert faults[["000005", "000141"]].to_list() == ["unlabelled", "missing"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "tracks.csv is missing; get tracks.csv of FMA"),
        ("", "tracks.csv: a table expected, but it cannot be read"),
        ("a,b\n1,2\n", "three lines above the tracks expected, no column artist.id found"),
        (HEAD.replace("genre_top", "genres") + ROWS["000002"], "no column track.genre_top found there; get tracks.csv"),
        (HEAD.replace("track_id", "2"), "no column track_id found"),
        (HEAD + ROWS["000002"] + "\n5,A lo", "small, medium or large expected in set.subset, '' found for 000005; get"),
        (HEAD + ROWS["000002"] + "\n" + ROWS["000002"], "one row for each track expected, two found for 000002"),
    ],
    ids=["none", "empty", "other table", "other column", "one line less", "cut", "two rows"],
)
def test_metadata_of_another_kind_are_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "tracks.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        read_tracks(tmp_path / "tracks.csv")


def test_metadata_without_tracks_and_a_folder_without_clips_are_one_line(tmp_path: Path) -> None:
    write_zip(tmp_path / "m.zip", {"fma_metadata/genres.csv": "x"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"tracks.csv is missing; get tracks.csv of FMA, or fma_metadata.zip"):
        make_fma(metadata=str(tmp_path / "m.zip")).download(tmp_path)
    with pytest.raises(UserError, match=r"nowhere.zip is missing; get tracks.csv of FMA, or fma_metadata.zip"):
        make_fma(metadata="nowhere.zip").download(tmp_path)
    with pytest.raises(UserError, match=r"no clip of fma_small found; files such as 000/000002.mp3 expected"):
        make_fma(metadata=write_tracks(tmp_path / "t.csv"), folder=str(tmp_path / "empty")).download(tmp_path)
