"""The columns in docs/feed-format.md, from the schema: `python -m tests.loader.parquet_format` writes them anew."""

from pathlib import Path

import pyarrow as pa

from loader.parquet import PARQUET_TABLES
from loader.parquet_columns import schema

DOC = Path(__file__).resolve().parents[2] / "docs" / "feed-format.md"
BEGIN, END = "<!-- parquet: begin -->\n", "<!-- parquet: end -->\n"


def rendered() -> str:
    """A table of the columns of both tables, those inside lists and structs below them."""
    lines = ["| column | type |", "|---|---|"]
    for table in PARQUET_TABLES:
        for field in schema(table):
            lines += columns(field, f"{table}: ")
    return "\n".join(lines) + "\n"


def columns(field: pa.Field, path: str) -> list[str]:
    """The lines of a column, and of those inside it."""
    kind, name = field.type, f"{path}{field.name}"
    if pa.types.is_list(kind):
        inside = [line for part in kind.value_type for line in columns(part, f"{name}[].")]
        return [f"| `{name}` | list of struct |", *inside]
    if pa.types.is_struct(kind):
        return [f"| `{name}` | struct |", *(line for part in kind for line in columns(part, f"{name}."))]
    return [f"| `{name}` | {kind} |"]


def split_doc() -> tuple[str, str, str]:
    """(before, columns, after) of the document."""
    before, rest = DOC.read_text().split(BEGIN)
    found, after = rest.split(END)
    return before, found, after


if __name__ == "__main__":
    before, _, after = split_doc()
    DOC.write_text(before + BEGIN + rendered() + END + after)
