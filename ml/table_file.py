"""Read a CSV or Parquet file into Arrow's columns."""

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ml.errors import InputError


def columns(data: bytes, name: str) -> dict[str, pa.ChunkedArray]:
    """Return each column of a CSV file with a header, or of a Parquet file, as the ending of `name` says.

    Raises InputError, one line, for a file that cannot be read, has no rows, or calls two columns the same.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = next((read for ending, read in readers.items() if name.lower().endswith(ending)), None)
    if reader is None:
        raise InputError(f"{name}: neither .csv nor .parquet. Export the table as one of the two")
    try:
        table = reader(data)
    except (pa.ArrowException, OSError) as error:
        cause = str(error).partition("\n")[0][:200]
        raise InputError(f"{name}: cannot be read: {cause}. Export the file again") from error
    twice = [label for label, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise InputError(f"{name}: more than one column is called {twice[0]!r}. Rename all but one")
    if table.num_rows == 0:
        raise InputError(f"{name}: a header without rows. Give a table with rows")
    return dict(zip(table.column_names, table.columns, strict=True))


def _read_csv(data: bytes) -> pa.Table:
    first = _parse_csv(data, {})
    # Arrow also recognises dates and truth values. They stay text, in the spelling that requests will use.
    as_written = {
        field.name: pa.string()
        for field in first.schema
        if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_null(field.type))
    }
    return _parse_csv(data, as_written)


def _parse_csv(data: bytes, column_types: Mapping[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(
        _in_arrows_memory(data),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=column_types, null_values=[*pyarrow.csv.ConvertOptions().null_values, " "]
        ),
    )


def _read_parquet(data: bytes) -> pa.Table:
    return pyarrow.parquet.read_table(_in_arrows_memory(data))


def _in_arrows_memory(data: bytes) -> pa.BufferReader:
    """Return a copy to read from. Arrow's threads may let go of what they read when the process is already ending.

    To let go of Python's own bytes they would ask for the interpreter, which ends a thread that asks so late, and with
    it the process: "terminate called without an active exception" (apache/arrow#34314).
    """
    copy = pa.BufferOutputStream()
    copy.write(data)
    return pa.BufferReader(copy.getvalue())
