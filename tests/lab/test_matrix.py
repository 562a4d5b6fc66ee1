"""Whatever stands before two homes, they meet, and as directly as can be: all that the lab has against all."""

import pytest
from matrix import markdown, measure, wrong

LOST = 0.01  # of the pings, on a busy machine


@pytest.mark.long(seconds=140)
@pytest.mark.timeout(500)
@pytest.mark.parametrize("lab", ["mixed"], indirect=True)
def test_every_kind_of_nat_against_every_other(lab):
    cells = measure(lab)
    print(markdown(cells))
    assert wrong(cells) == []
    assert sum(cell.lost for cell in cells.values()) <= LOST * sum(cell.sent for cell in cells.values())
