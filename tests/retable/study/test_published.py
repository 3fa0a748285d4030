from pathlib import Path

import pytest

from retable.study.published import Published, PublishedNumber

CSV = """table,model,s_t,S1,conditional,batch_size,gpus,metric,value,std,note
3,Baseline,1,0,0,,1,is,3.41,0.03,batch not stated
3,Naive,1,0,0,1,1,is,1.43,0.01,
5,Ours,2,1,0,4,,is,14.64,0.25,
5,Ours,4,1,0,4,,is,17.12,0.26,
5,Ours,4,1,0,64,,is,,,not measured by the paper
"""


@pytest.fixture
def published(tmp_path: Path) -> Published:
    path = tmp_path / "numbers.csv"
    path.write_text(CSV, encoding="utf-8")
    return Published.load(path)


def test_conditions_tell_lines_apart(published: Published) -> None:
    found = published.find("5", "is", "Ours", {"s_t": 4, "S1": True, "batch_size": 4, "lambda": 0.5})
    assert found == PublishedNumber(17.12, 0.26, "")


def test_a_condition_that_the_line_leaves_empty_is_not_compared(published: Published) -> None:
    assert published.find("3", "is", "Baseline", {"s_t": 1, "batch_size": 2}) == PublishedNumber(
        3.41, 0.03, "batch not stated"
    )


def test_the_number_of_gpus_is_no_condition(published: Published) -> None:
    assert published.find("3", "is", "Naive", {"batch_size": 1, "gpus": 8}) is not None


def test_a_line_without_a_number_says_why(published: Published) -> None:
    found = published.find("5", "is", "Ours", {"s_t": 4, "batch_size": 64})
    assert found == PublishedNumber(None, None, "not measured by the paper")


@pytest.mark.parametrize(
    ("table", "metric", "model", "batch_size"),
    [("4", "is", "Ours", 4), ("5", "fid", "Ours", 4), ("5", "is", "Other", 4), ("5", "is", "Ours", 8)],
)
def test_what_the_paper_does_not_have(
    published: Published, table: str, metric: str, model: str, batch_size: int
) -> None:
    assert published.find(table, metric, model, {"s_t": 4, "batch_size": batch_size}) is None


def test_two_answers_are_refused(published: Published) -> None:
    with pytest.raises(ValueError, match="2 published numbers"):
        published.find("5", "is", "Ours", {"batch_size": 4})


def test_a_csv_that_lacks_a_column(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("table,model,value\n", encoding="utf-8")
    with pytest.raises(ValueError, match="metric"):
        Published.load(path)
