import csv
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import soundfile
from helpers import ROOT, SR, build_leaf, noise
from hydra.utils import instantiate
from omegaconf import OmegaConf

from regenre.common import files
from regenre.common.errors import UserError
from regenre.datasets.gtzan import Gtzan, digest_artists, parse_artists
from regenre.quality import clip_table

INDEX = """blues.00000.wav ::: John Lee Hooker ::: One Bourbon, One Scotch And One Beer
blues.00001.wav ::: John Lee Hooker :::
country.00002.wav ::: ::: I Wish I Had A Nickel
jazz.00054.wav ::: Coleman Hawkins ::: x
"""
CLIPS = ["blues.00000", "blues.00001", "country.00002"]
LIMITS = {"fetch_mb": 1, "index_mb": 1, "fetch_s": 60, "unpack_mb": 1, "entries": 10}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "GTZANindex.txt"
    path.write_text(INDEX)
    return path


def make_gtzan(index: Path, **source: Any) -> Gtzan:
    settings = {"mirrors": [], "artists_mirrors": [], "downloads": "", "numbers": 3, "limits": LIMITS}
    return Gtzan(**settings | {"artists": str(index)} | source)


def encode_noise(suffix: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, noise(1.5), SR, format=suffix.upper())
    return content.getvalue()


LAYOUTS = {
    "original": ("genres/{genre}/{clip}.au", "au"),
    "hugging_face": ("genres/{genre}/{clip}.wav", "wav"),
    "kaggle": ("Data/genres_original/{genre}/{clip}.wav", "wav"),
    "flac": ("{clip}.flac", "flac"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", ["folder", "tar.gz", "zip"])
def test_every_layout_is_read_from_folders_and_archives(tmp_path: Path, index: Path, layout: str, source: str) -> None:
    pattern, suffix = LAYOUTS[layout]
    names = [pattern.format(genre=clip.split(".")[0], clip=clip) for clip in CLIPS]
    files = dict.fromkeys(names, encode_noise(suffix)) | {"Data/images_original/blues/blues00000.png": b"x"}
    if source == "folder":
        for name, content in files.items():
            path = tmp_path / "source" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        dataset = make_gtzan(index, folder=str(tmp_path / "source"))
    elif source == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        dataset = make_gtzan(index, archive=str(tmp_path / "a.zip"))
    else:
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        dataset = make_gtzan(index, archive=str(tmp_path / "a.tar.gz"))
    raw = tmp_path / "raw"
    raw.mkdir()
    assert dataset.download(raw).startswith("3 clips")
    clips = dataset.list_clips(raw).set_index("clip_id")
    assert list(clips.index[clips["path"] != ""]) == CLIPS
    assert len(clips) == 30
    assert clips.loc[CLIPS, "group"].to_list() == ["John Lee Hooker", "John Lee Hooker", "country.00002"]


def test_a_corrupt_clip_and_a_missing_clip_have_rows(tmp_path: Path, index: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for clip in CLIPS:
        (source / f"{clip}.wav").write_bytes(encode_noise("wav"))
    (source / "jazz.00054.wav").write_bytes(b"\x00" * 1000)  # as in the Kaggle copy
    (source / "jazz.00001.wav").write_bytes(encode_noise("wav"))
    dataset = make_gtzan(index, numbers=0, folder=str(source))
    raw = tmp_path / "raw"
    raw.mkdir()
    dataset.download(raw)
    table = clip_table.index_clips(dataset.list_clips(raw), raw, 1.0)[0].set_index("clip_id")
    assert table.loc["jazz.00054", ["status", "fault"]].to_list() == ["excluded", "unreadable"]
    assert "libsndfile" in table.loc["jazz.00054", "reason"]
    facts = make_gtzan(index, folder=str(source)).list_clips(raw).set_index("clip_id")
    assert facts.loc["rock.00002", "path"] == ""


def test_two_files_of_one_clip_and_no_clip_are_errors(tmp_path: Path, index: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match="no GTZAN clip found"):
        make_gtzan(index, folder=str(source)).download(tmp_path / "raw")
    (source / "a").mkdir()
    for name in ("blues.00000.wav", "a/blues.00000.wav"):
        (source / name).touch()
    with pytest.raises(UserError, match=r"a second file for blues.00000.wav"):
        make_gtzan(index, folder=str(source)).download(tmp_path / "raw")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("i.txt", b"\xef\xbb\xbfblues.00000.wav ::: NA ::: x\nblues.00001.wav ::: Ren\xc3\xa9\n"),
        ("i.txt", b"blues.00000.wav ::: NA ::: x\nblues.00001.wav ::: Ren\xe9\n"),
        ("i.csv", b"\xef\xbb\xbfclip_id,artist\nblues.00000,NA\nblues.00001,Ren\xc3\xa9\n"),
        ("i.csv", b"title,artist,clip_id\n007,NA,blues.00000.wav\nx,Ren\xc3\xa9,blues.00001.wav\n"),
        ("i.csv", b'clip_id,artist\nblues.00000,"\nNA"\nblues.00001,Ren\xc3\xa9\n'),
    ],
    ids=["byte order mark", "latin-1", "csv", "columns in another order", "line break"],
)
def test_artists_of_the_user_are_text_as_it_stands(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "raw").mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "source/blues.00000.wav").touch()
    dataset = make_gtzan(tmp_path / name, folder=str(tmp_path / "source"))
    dataset.download(tmp_path / "raw")
    groups = dataset.list_clips(tmp_path / "raw").set_index("clip_id")["group"]
    assert list(groups[["blues.00000", "blues.00001", "blues.00002"]]) == ["NA", "René", "blues.00002"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("i.txt", b"", "Sturm's lines .* expected, .* no clip of GTZAN found; check dataset.artists"),
        ("i.txt", "blues.00000.wav ::: B ::: x".encode("utf-16"), "no clip of GTZAN found"),
        ("i.txt", b"blues.00000;B\n", "no clip of GTZAN found"),
        ("i.csv", b"clip_id,artist\na,B\n", "no clip of GTZAN found"),
        ("i.csv", b"clip_id,artist\nblues.00000,Ren\xe9\n", "UTF-8 expected, byte 0xe9 found in line 2"),
        ("i.txt", b"blues.00000.wav ::: B\nblues.00000 ::: A\n", "blues.00000: one artist expected, 'A' and 'B' found"),
    ],
    ids=["empty", "utf-16", "semicolon", "other clips", "latin-1", "two artists"],
)
def test_artists_that_cannot_be_read_are_an_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/blues.00000.wav").touch()
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match=message):
        make_gtzan(tmp_path / name, folder=str(tmp_path / "source")).download(tmp_path / "raw")


def test_both_forms_of_the_index_yield_the_same_artists(shared: Path) -> None:
    expected = pd.read_csv(shared / "gtzan/artists.csv", keep_default_na=False).set_index("clip_id")["artist"]
    assert parse_artists((shared / "gtzan/artists.csv").read_text()) == expected.to_dict()
    lines = "".join(f"{clip_id}.wav ::: {artist} ::: a title, with a comma\n" for clip_id, artist in expected.items())
    assert parse_artists(lines) == expected.to_dict()


@pytest.mark.parametrize("name", ["gtzan", "gtzan_mini"])
def test_the_digest_in_the_leaf_is_that_of_the_facts_in_either_form(shared: Path, tmp_path: Path, name: str) -> None:
    md5 = OmegaConf.load(ROOT / f"conf/dataset/{name}.yaml").artists_mirrors[0].md5
    assert digest_artists(shared / "gtzan/artists.csv") == md5
    facts = parse_artists((shared / "gtzan/artists.csv").read_text())
    text = tmp_path / "GTZANindex.txt"
    text.write_bytes("".join(f"{key}.wav ::: {artist} ::: Für\r\n" for key, artist in facts.items()).encode("latin-1"))
    assert digest_artists(text) == md5
    text.write_text(text.read_text("latin-1").replace("Bob Marley", "Bob Dylan", 1))
    assert digest_artists(text) != md5


def test_without_network_the_message_says_what_to_do(tmp_path: Path) -> None:
    conf = OmegaConf.load(ROOT / "conf/dataset/gtzan.yaml")
    for mirror in conf.mirrors:
        mirror.url = "http://127.0.0.1:9/genres.tar.gz"
    conf.downloads = str(tmp_path)
    dataset = instantiate(conf, _convert_="all")
    with pytest.raises(UserError, match=r"no mirror delivered genres.tar.gz .*dataset.archive=/path"):
        dataset.download(tmp_path)


@pytest.mark.parametrize("name", ["gtzan", "gtzan_mini"])
def test_the_limit_that_is_exceeded_and_its_file_are_named(tmp_path: Path, index: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for clip in CLIPS:
            archive.writestr(f"{clip}.wav", b"x" * 500_000)
    (tmp_path / "raw").mkdir()
    settings = {"archive": str(tmp_path / "a.zip"), "artists": str(index)}
    for limit, message in (("entries", "2 entries"), ("unpack_mb", "1 MB")):
        limits = OmegaConf.to_object(OmegaConf.load(ROOT / f"conf/dataset/{name}.yaml").limits)
        dataset = build_leaf("dataset", name, **settings, limits=limits | {limit: int(message[0])})
        expected = rf"a.zip: at most {message} expected \(limits.{limit} in conf/dataset/{name}.yaml\), more found; if"
        with pytest.raises(UserError, match=expected), files.fill_folder(tmp_path / "raw") as raw:
            dataset.download(raw)
        assert not list((tmp_path / "raw").iterdir())


@pytest.fixture
def short_fields() -> Iterator[None]:
    """A short limit for the fields of a CSV, as a process may have: a longer one is an error."""
    limit = csv.field_size_limit(1000)
    yield
    csv.field_size_limit(limit)


@pytest.mark.usefixtures("short_fields")
@pytest.mark.parametrize("content", [b"x" * 2000, bytes(range(256)) * 10, b""], ids=["long line", "bytes", "empty"])
def test_every_file_has_a_digest(tmp_path: Path, content: bytes) -> None:
    """The digest of what a mirror sent decides whether it is the index."""
    (tmp_path / "index").write_bytes(content)
    assert len(digest_artists(tmp_path / "index")) == 32


@pytest.mark.usefixtures("short_fields")
def test_an_index_with_a_line_that_is_no_csv_is_an_error() -> None:
    with pytest.raises(UserError, match=r"lines of Sturm's index or of a CSV expected, something else found"):
        parse_artists("x" * 2000)


def test_a_dataset_without_a_mirror_and_without_a_source_is_one_line(tmp_path: Path) -> None:
    dataset = build_leaf("dataset", "gtzan", mirrors=[])
    with pytest.raises(UserError, match=r"conf/dataset/gtzan.yaml: mirrors: at least one expected, none found"):
        dataset.download(tmp_path)
