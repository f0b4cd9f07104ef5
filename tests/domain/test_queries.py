"""Pages of lists."""

from typing import Any

import pytest

from cqrs_sim.domain.queries import MOST_LISTED, WHOLE, GetOrdersByStatus, Page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"limit": 0}, "limit = 0: must be a whole number, 1 to 1,000,000,000"),
        ({"limit": MOST_LISTED + 1}, "limit = 1000000001: must be"),
        ({"offset": -1}, "offset = -1: must be a whole number, 0 to 1,000,000,000"),
        ({"offset": MOST_LISTED + 1}, "offset = 1000000001: must be"),
        ({"limit": 2.5}, "limit = 2.5: must be a whole number"),
        ({"limit": "5"}, "limit = '5': must be a whole number"),
        ({"limit": None}, "limit = None: must be a whole number"),
        ({"offset": True}, "offset = True: must be a whole number"),
    ],
)
def test_a_page_that_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Page(**fields)


def test_a_list_is_asked_for_as_a_whole_unless_a_page_is_named() -> None:
    assert GetOrdersByStatus("PENDING").page == WHOLE == Page()
    assert list(range(100))[WHOLE.offset : WHOLE.end] == list(range(100))
