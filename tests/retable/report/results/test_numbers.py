import pytest

from retable.report.results.numbers import duration, measured, signed


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((12.79, 0.1), "12.79 ± 0.10"),
        ((5401.0, 31.0), "5401 ± 31"),
        ((812.34, 9.04), "812.3 ± 9.0"),
        ((1.93, 0.004), "1.930 ± 0.004"),
        ((1.93, 0.04, 0.3), "1.93 ± 0.04, seeds ± 0.30"),
        ((1.93, None, 0.3), "1.93, seeds ± 0.30"),
        ((1.0, 0.0), "1.00 ± 0.00"),
        ((0.000123,), "0.000123"),
        ((0.0,), "0.00"),
        ((-3.5,), "-3.50"),
    ],
)
def test_digits_follow_the_spread(numbers: tuple[float, ...], text: str) -> None:
    assert measured(*numbers) == text


def test_differences_have_a_sign() -> None:
    assert signed(1.21, 14.0) == "+1.21"
    assert signed(-4107.2, 3715.0) == "-4107"


def test_durations() -> None:
    assert [duration(s) for s in (0, 59, 312, 61 * 3600)] == ["0 s", "59 s", "5.2 min", "61.0 h"]
