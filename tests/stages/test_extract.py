import pytest
from projects import Project

from regenre.common import records, tables
from regenre.common.tables import FeatureSet

pytestmark = pytest.mark.slow


def test_each_family_is_a_table_and_each_feature_set_a_record(project: Project) -> None:
    folder = project.folder / "data/features/synthetic"
    assert {path.name for path in folder.iterdir()} == {
        "mfcc.json", "mfcc.parquet", "spectral_shape.json", "spectral_shape.parquet",
    }  # fmt: skip
    record = records.read_record(folder / "mfcc.json", FeatureSet, "run it")
    assert record.families["mfcc"].settings["n_mfcc"] == 20
    assert record.families["mfcc"].framewise
    assert len(record.families["mfcc"].probe or []) == 40
    clips = tables.select_usable(tables.read_clips(project.folder / "data/index/synthetic.parquet"))
    assert tables.read_pooled([folder / "mfcc.parquet"], clips["clip_id"]).shape == (len(clips), 40)


def test_a_feature_set_written_by_another_version_is_refused_by_train(project: Project) -> None:
    path = project.folder / "data/features/synthetic/mfcc.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    output = project.run_stage("train", ok=False)
    assert (
        "mfcc.json: format 2 expected, 99 found; another version wrote it, run `dvc repro extract` with mfcc" in output
    )
    assert len(output.strip().splitlines()) == 1


def test_settings_are_read_from_the_command_line(project: Project) -> None:
    output = project.run_stage("extract", "pooling=five_statistics", "family.mfcc.n_mfcc=13")
    assert "extract synthetic: 42 clips; columns: mfcc 65, spectral_shape 50" in output


def test_wrong_settings_are_one_line(project: Project) -> None:
    for override, message in (
        ("+family.mfcc.n_mfc=13", "regenre.features.families.mfcc.Mfcc cannot be built from its settings"),
        ("classifier=knn", "extract: classifier=knn changes nothing here"),
    ):
        output = project.run_stage("extract", override, ok=False)
        assert message in output
        assert len(output.strip().splitlines()) == 1
