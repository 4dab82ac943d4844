import pandas as pd
import pytest
from projects import Project

from regenre.common import tables

pytestmark = pytest.mark.slow


def test_every_clip_has_a_row_and_every_fault_a_reason(project: Project) -> None:
    clips = tables.read_clips(project.folder / "data/index/synthetic.parquet")
    faulty = clips[clips["status"] != "ok"]
    assert len(clips) == 45
    assert sorted(faulty["fault"]) == ["silent", "truncated", "unreadable"]
    assert faulty["reason"].str.len().min() > 10


def test_the_audit_lists_faults_and_replicas(project: Project) -> None:
    findings = set(pd.read_csv(project.folder / "reports/audit.csv")["finding"])
    assert {"silent", "truncated", "unreadable", "exact_replica"} <= findings


def test_a_longer_least_duration_excludes_every_clip(project: Project) -> None:
    output = project.run_stage("index", "audio.min_duration_s=30", ok=False)
    assert "at least 30.00 s expected" in output
    assert len(output.strip().splitlines()) == 1
