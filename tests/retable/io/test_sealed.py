import json
import pickle
from pathlib import Path

import pytest

from retable.errors import RetableError
from retable.io.sealed import DamagedFile, parse_sealed, sealed, write_sealed

RECORD = {
    "name": "a",
    "scores": {"is": 1.93, "fid": 1e-9},
    "seeds": [0, 1],
    "none": None,
    "words": "λ ∈ {0, 1}",
}


def parsed(content: bytes) -> tuple[dict[str, object], bool]:
    return parse_sealed(content, "result.json", remedy="put it back")


def test_a_sealed_file_comes_back(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", RECORD)
    assert parsed((tmp_path / "a.json").read_bytes()) == (RECORD, True)


def test_blanks_and_order_are_not_content() -> None:
    written = sealed(RECORD)
    turned = {key: written[key] for key in reversed(written)}
    assert parsed(json.dumps(turned, indent=3).encode()) == (RECORD, True)


def test_a_record_without_a_seal_is_trusted() -> None:
    assert parsed(json.dumps(RECORD).encode()) == (RECORD, False)


def test_each_changed_character_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", RECORD)
    whole = (tmp_path / "a.json").read_bytes()
    noticed = 0
    for position, byte in enumerate(whole):
        for other in (byte ^ 1, ord("7")):
            changed = whole[:position] + bytes([other]) + whole[position + 1 :]
            try:
                record, is_sealed = parsed(changed)
            except DamagedFile:
                noticed += 1
                continue
            # Blanks may differ. And a seal of another name is none: the record then has a member more.
            assert record == RECORD or (not is_sealed and {key: record.get(key) for key in RECORD} == RECORD)
    assert noticed > len(whole)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged"),
        (b'{"a": 1', "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[1]", "must hold a JSON object"),
        (b'{"a": NaN}', "numbers must be finite"),
        (b'{"a": 1e999}', "numbers must be finite"),
        (b"[" * 100_000, "is damaged"),
        (b'{"a": 1, "sha256": "00"}', "was changed after it was written"),
        (b'{"a": 1, "sha256": null}', "was changed after it was written"),
    ],
)
def test_damage_is_told_with_the_files_name_and_the_remedy(content: bytes, words: str) -> None:
    with pytest.raises(
        DamagedFile, match=rf"^result\.json .*{words}.*; put it back$|^result\.json {words}"
    ) as told:
        parsed(content)
    assert isinstance(told.value, RetableError)
    assert told.value.remedy == "put it back"
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)


def test_a_number_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_sealed(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
