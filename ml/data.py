"""Find the table to train on: the use case's own, or a file in S3."""

import dataclasses

from botocore.exceptions import ClientError

from ml import catalogue, preparation, storage
from ml.errors import InputError
from ml.table import Table, read_table
from ml.usecases import UseCase


def load(uri: str, *, target: str, task: str, use_case: UseCase, read: storage.Read) -> Table:
    """Return the table at `uri`, s3://bucket/key, with `target` as its target; an empty `uri` means the synthetic one.

    `read` gives the content of the object at an address. The file's columns of identifiers are in the table and in its
    notes: no model learns from them. Raises InputError when the object cannot be read or no model can be trained on it.
    """
    if not uri:
        table = use_case.synthetic()
        if target != table.target_column:
            raise InputError(
                f"training.target is {target!r}, but without training.dataUri the label is {table.target_column!r}."
                " Set training.dataUri, or remove training.target"
            )
        return table
    try:
        data = read(uri)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in storage.UNREADABLE:
            raise
        raise InputError(f"{uri}: {code}. Check training.dataUri, and that the object exists") from error
    table = read_table(data, name=uri, target=target, task=task)
    return dataclasses.replace(table, notes=(*table.notes, *preparation.left_out(table)))


def lines(table: Table) -> list[str]:
    """Return what a person should know of the table: where it is from, its size, its classes, what was noticed."""
    classified = table.task == catalogue.CLASSIFICATION
    classes = f", classes {sorted(set(table.target.tolist()))}" if classified else ""
    return [f"{table.source}: {len(table.rows)} rows, {len(table.columns)} columns{classes}", *table.notes]
