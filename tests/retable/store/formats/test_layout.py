from pathlib import Path

from retable.store.formats.layout import ResultsFolder, TrialFolder, metrics_log_name


def test_the_names_on_the_disk_stay_as_they_are() -> None:
    """Folders of older versions are read by these names."""
    results = ResultsFolder(Path("results"))
    trial = results.trial("0123")
    paths = {
        results.ledger: "ledger.db",
        results.index: "index.arrow",
        results.tables("study"): "tables/study",
        results.figures("0123"): "figures/0123",
        results.search("study"): "search/study",
        results.suggestions("study", "a"): "search/study/points/a.json",
        results.set_aside("0123", 2): "set-aside/0123-2",
        results.optuna_database: "optuna.db",
        results.mlflow_database: "mlflow.db",
        results.ray: "ray",
        results.tracking_id: ".tracking-id",
        results.storage_url: ".storage-url",
        trial.config: "trials/0123/config.json",
        trial.result: "trials/0123/result.json",
        trial.fence: "trials/0123/fence.json",
        trial.continues: "trials/0123/continues.json",
        trial.metrics_log(3): "trials/0123/outbox/000003.jsonl",
        trial.checkpoint(20): "trials/0123/checkpoints/00000020",
        trial.samples: "trials/0123/samples",
        trial.tracking: "trials/0123/tracking",
        trial.quarantine: "trials/0123/quarantine",
        trial.stop_request(3): "trials/0123/stop-3",
        trial.failure(3): "trials/0123/failure-3.json",
    }
    assert {path.relative_to("results").as_posix(): name for path, name in paths.items()} == {
        name: name for name in paths.values()
    }
    assert metrics_log_name(3) == "outbox/000003.jsonl"


def test_only_names_that_were_written_count(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path)
    for name in (
        "00000020",
        "00000003",
        "123456789",
        "00000020.bak",
        "20",
        "000000021",
        "0000002²",
        ".00000004.tmp",
    ):
        (folder.checkpoints / name).mkdir(parents=True)
    (folder.checkpoints / "00000099").touch()
    assert {i: path.name for i, path in folder.checkpoints_saved().items()} == {
        123456789: "123456789",
        20: "00000020",
        3: "00000003",
    }
    assert list(folder.checkpoints_saved()) == [123456789, 20, 3]
    folder.metrics_logs.mkdir()
    for name in (
        "000002.jsonl",
        "000001.jsonl",
        "000001.bak.jsonl",
        "1.jsonl",
        "000003.jsonl~",
        "0000010.jsonl",
    ):
        (folder.metrics_logs / name).touch()
    assert list(folder.attempts_logged()) == [1, 2]
    assert TrialFolder(tmp_path / "none").attempts_logged() == {}


def test_trials_are_folders(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    assert list(results.trial_folders()) == []
    for name in ("b", "a"):
        results.trial(name).path.mkdir(parents=True)
    (results.trials / "notes.txt").touch()
    assert [folder.signature for folder in results.trial_folders()] == ["a", "b"]
