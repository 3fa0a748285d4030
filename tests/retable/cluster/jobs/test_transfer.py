"""Files that come back as lines of a job's log."""

import json
from pathlib import Path

import pytest

from retable.cluster.connection.token import ClusterError
from retable.cluster.jobs.transfer import MARK, pack, unpack


def test_a_folder_comes_back_as_it_was_and_the_text_names_the_new_one(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    (there / "tables").mkdir(parents=True)
    (there / "tables" / "table_9.csv").write_text("a,b\n")
    (there / "tables" / "table_9.png").write_bytes(bytes(range(256)))
    text = f"Table 9.\n2 files are in {there}/tables.\n" + "".join(f"{line}\n" for line in pack(there))
    said, written = unpack(text, here)
    assert said == f"Table 9.\n2 files are in {here}/tables.\n"
    assert sorted(written) == [here / "tables" / "table_9.csv", here / "tables" / "table_9.png"]
    assert [path.read_bytes() for path in sorted(written)] == [b"a,b\n", bytes(range(256))]


def test_a_text_without_files_stays_as_it_is(tmp_path: Path) -> None:
    assert unpack("nothing\nhere", tmp_path) == ("nothing\nhere", [])


@pytest.mark.parametrize("name", ["../escaped", "/etc/escaped", "a/../../escaped", "", "."])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    record = json.loads(next(pack(tmp_path)).removeprefix(MARK))
    line = MARK + json.dumps({**record, "name": name})
    with pytest.raises(ClusterError, match="which leads out of"):
        unpack(line, tmp_path / "here")
    assert not (tmp_path / "here").exists()
    assert not (tmp_path / "escaped").exists()


def test_a_file_that_was_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("abc")
    line = next(pack(tmp_path)).replace("YWJj", "YWJk")
    with pytest.raises(ClusterError, match="file was changed on its way"):
        unpack(line, tmp_path / "here")
