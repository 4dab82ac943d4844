"""A dataset of mirdata's own classes, made here: an index, a table of genres and a few sounds."""

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import soundfile
from helpers import SR, build_leaf, noise

from regenre.common.errors import UserError
from regenre.quality import clip_table

mirdata = pytest.importorskip("mirdata", reason="pip install 'regenre[mirdata]'")
from mirdata import core, download_utils  # noqa: E402

LABELS = {
    "1": {"genre": "samba", "artist": "Jobim"},
    "2": {"genre": ["samba"], "artist": ["Jobim", "Getz"]},
    "3": {"genre": "tango", "artist": None},
    "4": {"genre": ["samba", "tango"], "artist": ""},
    "5": {"genre": None, "artist": "Gade"},
}


class Track(core.Track):
    """A track of the stub."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.audio_path = self.get_path("audio")

    genre = property(lambda self: self._track_metadata["genre"])
    artist = property(lambda self: self._track_metadata["artist"])
    style = property(lambda self: {}["style"])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of the dataset, as mirdata lays it out."""
    folder = tmp_path / "home"
    (folder / "audio").mkdir(parents=True)
    for name in LABELS:
        soundfile.write(folder / f"audio/{name}.wav", noise(1.5, seed=int(name)), SR)
    (folder / "labels.json").write_text(json.dumps(LABELS))
    return folder


@pytest.fixture
def stub(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The dataset in mirdata's list, with an archive on a server on loopback."""

    def digest(name: str) -> tuple[str, str]:
        return name, hashlib.md5((home / name).read_bytes()).hexdigest()

    index = tmp_path / "index.json"
    tracks = {name: {"audio": digest(f"audio/{name}.wav")} for name in LABELS}
    index.write_text(json.dumps({"version": "1", "tracks": tracks, "metadata": {"labels": digest("labels.json")}}))
    (tmp_path / "site").mkdir()
    with zipfile.ZipFile(tmp_path / "site/stub.zip", "w") as archive:
        for path in home.rglob("*.*"):
            archive.write(path, path.relative_to(home))
    md5 = hashlib.md5((tmp_path / "site/stub.zip").read_bytes()).hexdigest()
    handler = type("Handler", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "site")))
    url = f"http://127.0.0.1:{server.server_port}/stub.zip"

    class Dataset(core.Dataset):
        def __init__(self, data_home: str, version: str) -> None:
            own = core.Index("index.json")
            own.get_path = lambda: str(index)
            remotes = {"all": download_utils.RemoteFileMetadata("stub.zip", url, md5)}
            super().__init__(data_home, version, "stub", Track, indexes={"default": "1", "1": own}, remotes=remotes)

        @core.cached_property
        def _metadata(self) -> dict[str, Any]:
            return json.loads((Path(self.data_home) / "labels.json").read_text())

    module = ModuleType("mirdata.datasets.stub")
    module.Dataset = Dataset
    monkeypatch.setitem(sys.modules, "mirdata.datasets.stub", module)
    monkeypatch.setattr(mirdata, "DATASETS", [*mirdata.DATASETS, "stub"])
    (tmp_path / "raw").mkdir()
    with server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


def list_clips(raw: Path, **settings: Any) -> pd.DataFrame:
    dataset = build_leaf("dataset", "mirdata", name="stub", **settings)
    dataset.download(raw)
    return dataset.list_clips(raw).set_index("clip_id")


@pytest.mark.usefixtures("stub")
def test_mirdata_fetches_and_a_folder_is_linked_to_the_same_clips(tmp_path: Path, home: Path) -> None:
    listed = list_clips(tmp_path / "raw", downloads=str(tmp_path / "downloads"))
    assert (tmp_path / "downloads/mirdata/stub/audio/1.wav").is_file()
    assert listed["path"].to_dict() == {name: f"audio/{name}.wav" for name in LABELS}
    assert listed["genre"].to_list() == ["samba", "samba", "tango", "", ""]
    assert listed["group"].to_list() == ["Jobim", "Jobim, Getz", "3", "4", "Gade"]
    table, _, _ = clip_table.index_clips(listed.reset_index(), tmp_path / "raw", 1.0)
    assert table["fault"].to_list() == ["", "", "", "unlabelled", "unlabelled"]
    (tmp_path / "linked").mkdir()
    pd.testing.assert_frame_equal(list_clips(tmp_path / "linked", folder=str(home)), listed)
    assert (tmp_path / "linked/audio/1.wav").resolve() == home / "audio/1.wav"


@pytest.mark.usefixtures("stub")
def test_a_missing_file_and_one_that_mirdata_does_not_index_have_a_reason(tmp_path: Path, home: Path) -> None:
    (home / "audio/1.wav").write_bytes((home / "audio/2.wav").read_bytes())
    (home / "audio/2.wav").unlink()
    listed = list_clips(tmp_path / "raw", folder=str(home), group="conductor")
    assert listed["broken"].to_dict() == {
        "1": "its MD5 differs from that of mirdata's index", "2": "", "3": "", "4": "", "5": ""
    }  # fmt: skip
    assert listed.loc["2", "path"] == ""
    assert listed["group"].to_list() == list(LABELS)


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": None}, r"mirdata.yaml: name: a dataset of mirdata expected, None found; see"),
        ({"version": "9"}, "mirdata: the dataset stub expected .*Invalid version 9"),
        ({"folder": "/nowhere"}, "folder /nowhere: a folder expected, nothing found there"),
        ({"genre": "mood"}, r"genre: an attribute of the tracks of stub expected \(artist, audio_path, .*'mood' found"),
        ({"path": "midi_path"}, "path: an attribute of the tracks of stub expected"),
        ({"genre": "style"}, "stub in .* cannot be fetched or read .*KeyError: 'style'.*dataset.folder=/path"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, home: Path, settings: dict[str, Any], message: str) -> None:
    settings = {"name": "stub", "folder": str(home)} | settings
    with pytest.raises(UserError, match=message):
        build_leaf("dataset", "mirdata", **settings).download(tmp_path / "raw")


@pytest.mark.usefixtures("stub")
def test_labels_that_are_missing_or_are_not_those_of_the_index_are_refused(tmp_path: Path, home: Path) -> None:
    for change, state in ((lambda path: path.write_text("{}"), "another one found"), (Path.unlink, "none found")):
        change(home / "labels.json")
        with pytest.raises(UserError, match=f"labels.json: the file that the index of stub names expected, {state}"):
            list_clips(tmp_path / "raw", folder=str(home))


@pytest.mark.usefixtures("stub")
def test_what_cannot_be_fetched_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "site/stub.zip").unlink()
    with pytest.raises(UserError, match=r"mirdata: the dataset stub in .*HTTP Error 404.*dataset.folder=/path"):
        list_clips(tmp_path / "raw", downloads=str(tmp_path / "downloads"))
