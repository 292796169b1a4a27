"""The container's contract: what is answered, and that every fault of a client is a 4xx in one line."""

import csv
import io
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import inference, request_rows
from ml.inference import CSV, JSON, answer


def ask(model: Any, body: str | bytes, content_type: str = CSV, accept: str = JSON) -> Any:
    """Return the predictions of a request that must succeed."""
    status, text, mimetype = answer(model, body, content_type, accept)
    assert status == 200, text
    return json.loads(text)["predictions"] if mimetype == JSON else text


def refuse(model: Any, body: str | bytes, content_type: str = CSV, accept: str = JSON) -> tuple[int, str]:
    """Return status and text of a request that must fail, and look at its form."""
    status, text, mimetype = answer(model, body, content_type, accept)
    assert 400 <= status < 500, text
    content = json.loads(text)
    assert mimetype == JSON and content.keys() == {"error"}
    assert "\n" not in text and "Traceback" not in text
    return status, content["error"]


def line(row: Any) -> str:
    return ",".join(map(repr, np.asarray(row).tolist()))


def write_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@pytest.fixture(scope="module")
def wide(numeric: SimpleNamespace) -> Any:
    return numeric.model


@pytest.fixture(scope="module")
def customers(mixed: SimpleNamespace) -> Any:
    return mixed.model


GOOD = ["C0001", "12", "pro, yearly", "Łódź", "40.5"]


# --- what is answered


@pytest.mark.parametrize("count", [1, 2, 500])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_row_is_answered_as_well_as_many(numeric: SimpleNamespace, count: int, ending: str) -> None:
    rows = numeric.table.rows[:count]
    separator = "\r\n" if ending == "\r\n" else "\n"
    predictions = ask(numeric.model, separator.join(map(line, rows)) + ending)
    wanted = numeric.trained.model.predict_proba(rows)

    assert [p["probability"] for p in predictions] == wanted[:, 1].tolist()
    assert [p["label"] for p in predictions] == numeric.trained.model.predict(rows).tolist()


def test_all_forms_of_a_request_get_the_same_answer(customers: Any) -> None:
    record = {"customer": "C0001", "months": 12, "plan": "pro, yearly", "city": "Łódź", "spend": 40.5}
    values = list(record.values())
    shuffled = dict(reversed(record.items()))

    answers = [
        ask(customers, write_csv([GOOD])),
        ask(customers, write_csv([GOOD]).encode(), "text/csv; charset=UTF-8"),
        ask(customers, json.dumps([values]), JSON),
        ask(customers, json.dumps({"instances": [values]}), JSON),
        ask(customers, json.dumps([shuffled]), JSON),
        ask(customers, json.dumps({"instances": [shuffled]}).encode(), 'application/json;charset="utf-8"'),
    ]

    assert all(each == answers[0] for each in answers)
    assert answers[0][0]["label"] in ("yes", "no")


def test_training_rows_can_be_sent_as_the_file_holds_them(mixed: SimpleNamespace, mixed_csv: bytes) -> None:
    rows = list(csv.reader(io.StringIO(mixed_csv.decode())))[1:]
    predictions = ask(mixed.model, write_csv([row[:-1] for row in rows]))

    assert [p["probability"] for p in predictions] == mixed.trained.model.predict_proba(mixed.table.rows)[:, 1].tolist()


def test_missing_values_are_answered_where_training_lacked_them(customers: Any) -> None:
    as_csv = ask(customers, write_csv([["C1", "12", "plus", "", " "]]))
    as_json = ask(customers, json.dumps([["C1", 12, "plus", None, None], ["C1", 12, "plus", "", None]]), JSON)

    assert as_csv * 2 == as_json


def test_missing_values_are_refused_where_training_had_all(wide: Any, customers: Any) -> None:
    row = ["0.5"] * 20
    row[3] = ""
    assert refuse(wide, ",".join(row)) == (400, "row 1: column 'feature_03' must not be empty")
    rows = [[0.5] * 20, [0.5] * 19 + [None]]
    assert refuse(wide, json.dumps(rows), JSON) == (400, "row 2: column 'feature_19' must not be empty")
    rows = [["C1", "", "plus", "Graz", "1"], ["C1", "1", " ", "Graz", "1"]]
    assert refuse(customers, write_csv(rows[:1])) == (400, "row 1: column 'months' must not be empty")
    assert refuse(customers, write_csv(rows[1:])) == (400, "row 1: column 'plan' must not be empty")


@pytest.mark.parametrize("accept", ["text/csv", "text/*", "text/csv;q=0.9, application/json", "text/html, text/csv"])
def test_csv_answers_are_label_and_probability(numeric: SimpleNamespace, accept: str) -> None:
    body = "\n".join(map(line, numeric.table.rows[:2]))
    as_json = ask(numeric.model, body)

    assert ask(numeric.model, body, CSV, accept) == "".join(f"{p['label']},{p['probability']}\n" for p in as_json)


@pytest.mark.parametrize("accept", ["", "*/*", "application/*", "application/json", "application/json;q=1, */*;q=0.1"])
def test_json_is_the_answer_of_choice(numeric: SimpleNamespace, accept: str) -> None:
    assert answer(numeric.model, line(numeric.table.rows[0]), CSV, accept)[2] == JSON


def test_more_than_two_classes_get_one_probability_each() -> None:
    class Thirds:
        def predict_proba(self, rows: Any) -> Any:
            return np.array([[0.1, 0.2, 0.7]] * len(rows))

    model = inference.Model(Thirds(), (inference.Column("a", True, False),), ("x", "y, z", "w"), True)

    assert ask(model, "1") == [{"label": "w", "probability": [0.1, 0.2, 0.7]}]
    assert ask(model, "1\n2", CSV, CSV) == "w,0.1,0.2,0.7\n" * 2


@pytest.mark.parametrize("number", ["1", "-0", "+1.5", ".5", "1.", "1e3", "1E-3", "007", " 2 ", "1e-400", "3.4e38"])
def test_numbers_are_read_however_they_are_written(wide: Any, customers: Any, number: str) -> None:
    expected = ask(wide, json.dumps([[float(number)] * 20]), JSON)

    assert ask(wide, ",".join([number] * 20)) == expected
    ask(customers, write_csv([["C1", number, "plus", "Graz", number]]))


# --- what is not


NOT_NUMBERS = [
    "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e400", "3.5e38", "9" * 300, "1_0", "0x10", "１２", "1,5,",
    "abc", "true", "None", "null", "--1", "1e", "1;2", "1\t2", "'1'", "1 2", "#1", "½", "e5", ".", "+",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_csv_that_is_no_finite_number_is_a_400(wide: Any, customers: Any, text: str) -> None:
    assert refuse(wide, ",".join([text] * 20))[0] == 400
    status, error = refuse(customers, write_csv([["C1", text, "plus", "Graz", "1"]]))
    assert (status, error) == (400, "row 1: column 'months' must be a finite number in float32's range")


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e400", "3.5e38", "9" * 400, "true", '"1"', '"nan"', "[1]", "{}"]
)
def test_json_that_is_no_finite_number_is_a_400(wide: Any, customers: Any, text: str) -> None:
    assert refuse(wide, f"[[{', '.join([text] * 20)}]]", JSON)[0] == 400
    status, error = refuse(customers, f'[["C1", {text}, "plus", "Graz", 1]]', JSON)
    assert (status, error) == (400, "row 1: column 'months' must be a finite number in float32's range")


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}])
def test_json_that_is_no_text_is_a_400_in_a_text_column(customers: Any, value: Any) -> None:
    body = json.dumps([["C1", 1, value, "Graz", 1]])

    assert refuse(customers, body, JSON) == (400, "row 1: column 'plan' must be text")


ONES = ",".join(["1"] * 20)


@pytest.mark.parametrize(
    "body",
    [
        "", "\n", "\r\n", " ", "1,2", ONES + ",1", ONES + ",", ONES + "\n1,2", ONES + "\n\n", "\n" + ONES,
        "\ufeff" + ONES, ONES.replace(",", ";"), ONES + "\0", ONES + "\ufffd",
        ONES + ',"1', '"a"b,' * 20, b"\xff\xfe1", "x" * 200_000,
    ],
)  # fmt: skip
def test_malformed_csv_is_a_400(wide: Any, body: str | bytes) -> None:
    assert refuse(wide, body)[0] == 400
    assert refuse(wide, body, "text/csv; charset=utf-8")[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        "\ufeffC1,1,plus,Graz,1", "C\0,1,plus,Graz,1", "C\ufffd,1,plus,Graz,1", b"C\xff,1,plus,Graz,1",
        '"C"1,1,plus,Graz,1', 'C1,1,plus,Graz,"1', 'C1,1,plus,"Graz,1',
    ],
)  # fmt: skip
def test_csv_text_that_is_not_plainly_written_is_a_400(customers: Any, body: str | bytes) -> None:
    assert refuse(customers, body)[0] == 400


def test_a_key_that_occurs_twice_is_a_400(customers: Any) -> None:
    record = '{"customer": "C1", "months": 1, "months": 2, "plan": "plus", "city": "Graz", "spend": 1}'

    assert refuse(customers, f"[{record}]", JSON) == (400, "not valid JSON, or a key occurs twice")


def test_a_header_is_named_as_one(customers: Any) -> None:
    body = "customer,months,plan,city,spend\n" + write_csv([GOOD])

    assert refuse(customers, body) == (400, "row 1 is a header; send the rows alone")


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[", "nul", "null", "true", "1", '"x"', "{}", "[]", "[[]]", "[1, 2]", "[null]", "[[[1]]]",
        '{"rows": [[1]]}', '{"instances": []}', '{"instances": 3}', '{"instances": [[1]], "more": 1}',
        '{"instances": [[1]], "instances": [[2]]}', "[" * 10_000, "[" * 10_000 + "]" * 10_000, "\ufeff[[1]]", b"\xff",
        '["' + "x" * 100_000 + '"]', "[[1" + "0" * 5000 + "]]",
    ],
)  # fmt: skip
def test_malformed_json_is_a_400(wide: Any, customers: Any, body: str | bytes) -> None:
    assert refuse(wide, body, JSON)[0] == 400
    assert refuse(customers, body, JSON)[0] == 400


def test_a_wrong_width_names_both_counts(customers: Any) -> None:
    assert refuse(customers, write_csv([GOOD, GOOD[:3]])) == (400, "row 2: 3 values; the model has 5 columns")
    assert refuse(customers, json.dumps([[1] * 6]), JSON) == (400, "row 1: 6 values; the model has 5 columns")


def test_a_record_names_its_wrong_or_missing_column(customers: Any) -> None:
    record = {"customer": "C1", "months": 1, "plan": "plus", "city": "Graz", "spend": 1}
    names = "it has customer, months, plan, city, spend"

    extra = refuse(customers, json.dumps([record | {"age": 3}]), JSON)
    assert extra == (400, f"row 1: column 'age' is unknown to the model; {names}")
    del record["city"]
    assert refuse(customers, json.dumps([record]), JSON) == (400, f"row 1: column 'city' is missing; {names}")


@pytest.mark.parametrize(
    "content_type",
    [
        "", None, "application/x-npy", "application/x-npz", "application/octet-stream", "application/xml", "text/plain",
        "text/csv; charset=utf-16", "text/csv; header=present", "TEXT/CSV", "text/csv, text/csv",
    ],
)  # fmt: skip
def test_other_content_types_are_a_415(wide: Any, content_type: Any) -> None:
    assert refuse(wide, b"\x93NUMPY", content_type)[0] == 415


@pytest.mark.parametrize("accept", ["image/png", "application/x-npy", "text/html, image/*", "nonsense"])
def test_other_accepted_types_are_a_406(wide: Any, accept: str) -> None:
    assert refuse(wide, ",".join(["1"] * 20), CSV, accept)[0] == 406


def test_too_many_rows_or_bytes_are_a_413(wide: Any, customers: Any) -> None:
    too_many = request_rows.MAX_ROWS + 1
    assert refuse(wide, "\n".join([",".join(["1"] * 20)] * too_many))[0] == 413
    assert refuse(wide, json.dumps([[1] * 20] * too_many), JSON)[0] == 413
    assert refuse(customers, write_csv([GOOD] * too_many))[0] == 413
    assert refuse(wide, "1" * (request_rows.MAX_BODY + 1))[0] == 413


def test_a_fault_of_the_model_is_not_blamed_on_the_client(wide: Any) -> None:
    class Broken:
        def predict_proba(self, rows: Any) -> Any:
            raise RuntimeError("a tree fell")

    with pytest.raises(RuntimeError, match="a tree fell"):
        answer(wide._replace(estimator=Broken()), ",".join(["1"] * 20), CSV, JSON)


# --- the container's hooks


def test_a_success_is_the_tuple_that_the_container_wraps(numeric: SimpleNamespace) -> None:
    body, mimetype = inference.transform_fn(numeric.model, line(numeric.table.rows[0]), CSV, JSON)

    assert (len(json.loads(body)["predictions"]), mimetype) == (1, JSON)


def test_a_refusal_is_a_response_of_its_own_status(wide: Any) -> None:
    response = inference.transform_fn(wide, "1,2", CSV, JSON)

    assert (response.status_code, response.mimetype) == (400, JSON)
    assert json.loads(response.get_data()) == {"error": "row 1: 2 values; the model has 20 columns"}


def test_transform_fn_is_the_only_request_hook() -> None:
    """The container raises when the other three stand beside it."""
    assert not [hook for hook in ("input_fn", "predict_fn", "output_fn") if hasattr(inference, hook)]


# --- whatever comes


bodies = st.one_of(st.text(), st.binary(), st.text(alphabet="0123456789.,-+eE\n\r \"'NaINf_", max_size=80))
cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.just(10**400),
    st.lists(st.none(), max_size=1),
)
kinds = st.sampled_from([CSV, JSON, "text/csv; charset=utf-8", "application/json; charset=utf-8", "application/x-npy"])


@settings(max_examples=100, deadline=None)
@given(body=bodies, kind=kinds)
def test_no_body_whatever_is_a_5xx(wide: Any, customers: Any, body: str | bytes, kind: str) -> None:
    for model in (wide, customers):
        status, text, _ = answer(model, body, kind, JSON)
        assert status == 200 or 400 <= status < 500
        assert "\n" not in text


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=3), as_records=st.booleans())
def test_json_of_the_right_width_is_answered_or_refused_row_by_row(customers: Any, rows: Any, as_records: bool) -> None:
    names = [column.name for column in customers.columns]
    content = [dict(zip(names, row, strict=True)) for row in rows] if as_records else rows
    status, text, _ = answer(customers, json.dumps(content), JSON, JSON)

    def fine(value: Any, column: inference.Column) -> bool:
        if value is None or (value == "" or isinstance(value, str) and not value.strip(" ")) and not column.numeric:
            return column.missing
        if column.numeric:
            return type(value) in (int, float) and abs(value) <= request_rows.LARGEST_NUMBER
        return isinstance(value, str) and "\0" not in value and "\ufffd" not in value

    if all(fine(value, column) for row in rows for value, column in zip(row, customers.columns, strict=True)):
        assert status == 200, text
        assert len(json.loads(text)["predictions"]) == len(rows)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.floats(min_value=-1e30, max_value=1e30), min_size=20, max_size=20), min_size=1, max_size=3
    )
)
def test_csv_and_json_of_the_same_numbers_agree(wide: Any, rows: list[list[float]]) -> None:
    assert ask(wide, "\n".join(map(line, rows))) == ask(wide, json.dumps(rows), JSON)


@settings(max_examples=50, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), min_size=1),
        min_size=2,
        max_size=2,
    )
)
def test_quoted_csv_text_means_what_json_text_means(customers: Any, texts: list[str]) -> None:
    row = [f"C{texts[0]}", "12", f"p{texts[1]}", f"{texts[0]}x", "3"]
    values = [row[0], 12, row[2], row[3], 3]

    quoted = ",".join('"' + field.replace('"', '""') + '"' for field in row)
    assert ask(customers, quoted) == ask(customers, json.dumps([values]), JSON)
