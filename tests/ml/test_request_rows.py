"""Many numbers in CSV are read by Arrow; they mean what Python's float() makes of them, to the last bit."""

from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml import request_rows
from ml.request_rows import CSV, Column, Refusal

EXPECTED = SimpleNamespace(columns=(Column("income", True, False),), all_numeric=True)

digits = st.text("0123456789", min_size=1, max_size=30)
plain = st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), digits, digits)
scaled = st.builds("{}e{}".format, plain, st.integers(-400, 400))
spoilt = st.text("0123456789+-.eE ", min_size=1, max_size=8)
fields = st.lists(st.one_of(st.floats(allow_nan=False).map(repr), plain, scaled, spoilt), min_size=1, max_size=20)


def decoded(body: str) -> bytes | tuple[int, str]:
    """Return the bytes of the rows, or how the request is refused."""
    try:
        return request_rows.decode(EXPECTED, body, CSV).tobytes()
    except Refusal as refusal:
        return refusal.status, str(refusal)


@given(fields)
@example(["1.00000000000000011102230246251565"])  # a hair above the middle between two doubles
@example(["0.500000000000000166533453693773481063544750213623046875"])  # in the middle: to the even one
@example(["1e400"])
@example(["4.9e-324", "2.4e-324", "1e-400"])
@example(["+1.5", " 2.5", "3."])
def test_arrow_and_python_read_the_same_bits_and_refuse_the_same(numbers: list[str]) -> None:
    body = "\n".join(numbers)

    with patch.object(request_rows, "MANY_NUMBERS", 1):
        by_arrow = decoded(body)
    with patch.object(request_rows, "pa", None):
        by_python = decoded(body)

    assert by_arrow == by_python


def test_lines_of_other_widths_are_refused_also_where_their_numbers_would_fit_together() -> None:
    pairs = SimpleNamespace(columns=(Column("a", True, False), Column("b", True, False)), all_numeric=True)
    lines = ["1,2"] * request_rows.MANY_NUMBERS + ["1,2,3", "4"]

    with pytest.raises(Refusal, match="3 values; the model has 2 columns"):
        request_rows.decode(pairs, "\n".join(lines), CSV)


def test_many_numbers_are_read_by_arrow_and_few_are_not() -> None:
    few = [repr(number) for number in np.random.default_rng(3).normal(size=request_rows.MANY_NUMBERS - 1).tolist()]

    with patch.object(request_rows, "pa", wraps=request_rows.pa) as arrow:
        decoded("\n".join(few))
        assert arrow.array.call_count == 0

        rows = request_rows.decode(EXPECTED, "\n".join([*few, "0.1"]), CSV)
        assert arrow.array.call_count == 1

    assert rows[:, 0].tolist() == [*map(float, few), 0.1]
    assert rows.flags.writeable
