import pytest

from colourise.lab.strips import rows_within, strips


@pytest.mark.parametrize(
    ("height", "width", "limit"), [(10, 4, 12), (9, 4, 12), (5, 100, 12), (3, 2, 1000), (0, 5, 9)]
)
def test_every_row_is_in_one_strip(height: int, width: int, limit: int) -> None:
    rows = strips(height, width, limit)
    assert [row for strip in rows for row in range(height)[strip]] == list(range(height))
    assert all(strip.stop - strip.start <= rows_within(limit, width) for strip in rows)


def test_a_row_wider_than_the_limit_goes_alone() -> None:
    assert rows_within(12, 100) == 1
    assert rows_within(12, 0) == 12
