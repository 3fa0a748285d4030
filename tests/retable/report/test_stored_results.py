"""Results of an older version still give the same tables, and can be resumed."""

import json
from difflib import unified_diff
from pathlib import Path

from tests.retable.report.stored_results import (
    EXPECTED,
    RESUMED,
    STORED,
    WRITE,
    attempts,
    copied,
    outputs,
    resume,
    scores,
)


def test_stored_results_give_the_same_tables_claims_and_words(tmp_path: Path) -> None:
    stored = {
        path.relative_to(EXPECTED).as_posix(): path.read_text(encoding="utf-8")
        for path in EXPECTED.rglob("*.*")
    }
    now = outputs(copied(tmp_path))
    changes = [
        line
        for name in sorted({*stored, *now})
        for line in unified_diff(
            stored.get(name, "").splitlines(),
            now.get(name, "").splitlines(),
            f"stored {name}",
            f"now {name}",
            n=0,
            lineterm="",
        )
    ]
    assert now == stored, (
        "\n".join(changes) + "\n\nThe stored results give another output than before. If that is "
        f"meant, add a line to CHANGELOG.md (a changed number under 'Numbers changed') and write it anew: {WRITE}"
    )


def test_stored_results_show_every_kind_of_cell() -> None:
    printed = (EXPECTED / "smoke.txt").read_text(encoding="utf-8")
    for words in ("seeds ±", "paper 34.20", "[1 done, 1 failed]", "[collapsed at 8]", "1 stopped, 1 not run"):
        assert words in printed
    for words in ("cannot run", "supported", "contradicted", "inconclusive", "differences from Naive"):
        assert words in printed
    assert "asked to fail at iteration 5" in (EXPECTED / "smoke" / "table_1.csv").read_text(encoding="utf-8")


def test_a_run_trains_only_what_the_stored_results_lack(tmp_path: Path) -> None:
    results = copied(tmp_path) / "trained"
    finished = {path.parent.name: path.read_bytes() for path in results.glob("trials/*/result.json")}
    before = attempts(results)
    (stopped,) = (signature for signature, states in before.items() if states == ["stopped"])
    assert len(finished) == 12

    said = resume(tmp_path)
    assert "17 trials for tables 1, 2: 12 finished, 4 to train, 1 failed before." in said
    after = attempts(results)
    missing = after.keys() - before.keys()
    assert len(missing) == 3
    assert after == {**before, stopped: ["stopped", "done"], **{key: ["done"] for key in missing}}

    for signature, content in finished.items():
        assert (results / "trials" / signature / "result.json").read_bytes() == content
    fresh = {signature: found for signature, found in scores(results).items() if signature not in finished}
    assert fresh == json.loads(RESUMED.read_bytes())
    second = (results / "trials" / stopped / "outbox" / "000002.jsonl").read_text(encoding="utf-8")
    assert min(json.loads(line)["iteration"] for line in second.splitlines()) > 4  # from its checkpoint on


def test_the_stored_ledger_is_one_file_and_the_folder_is_small() -> None:
    assert [path.name for path in (STORED / "trained").glob("ledger.db*")] == ["ledger.db"]
    assert sum(path.stat().st_size for path in STORED.rglob("*.*")) < 350_000
