"""How a program of ours is configured: defaults, then an optional TOML file, then the environment, then flags.

A program's settings are one frozen msgspec Struct: every member has a default, and its help in
`Meta(description=...)`. They are read once, at start. The file is named by FLR_CONFIG and has a table for each
program ([lookup], [loader]); the variable of a member is FLR_ and its name in capitals. This file leaves out what the
settings are: each program has its own.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

PREFIX = "FLR_"
FILE_VARIABLE = "FLR_CONFIG"

S = TypeVar("S", bound=msgspec.Struct)


class SettingsError(ValueError):
    """A setting that is not known or not of its type; the message names it and where it came from."""


class Shown(NamedTuple):
    """One setting as it is printed."""

    name: str
    variable: str
    default: str
    value: str
    help: str


def read_settings(kind: type[S], table: str, environment: Mapping[str, str], flags: Mapping[str, object]) -> S:
    """The settings of one program; `flags` that are None were not given. Raises SettingsError."""
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for origin, layer in (
        ("the settings file", _of_file(kind, table, environment.get(FILE_VARIABLE))),
        ("the environment", _of_environment(kind, environment)),
        ("the command line", {name: value for name, value in flags.items() if value is not None}),
    ):
        values.update(layer)
        origins.update(dict.fromkeys(layer, origin))
    for name, value in values.items():
        try:
            convert({name: value}, kind)
        except msgspec.ValidationError as error:
            what = str(error).split(" - at ")[0]
            raise SettingsError(f"{name} (from {origins[name]}): {what}") from None
    return convert(values, kind)


def convert(values: object, kind: type[S]) -> S:
    """`values` as settings, numbers and truth values also from text. Raises msgspec.ValidationError."""
    return msgspec.convert(values, kind, strict=False, dec_hook=_path)


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str | Path) and str(value):
        return Path(value)
    raise ValueError("Expected a path")


def _of_file(kind: type[S], table: str, path: str | None) -> Mapping[str, object]:
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            values = tomllib.load(file).get(table, {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{FILE_VARIABLE}: the settings file cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{FILE_VARIABLE}: [{table}] is not a table")
    unknown = sorted(set(values) - set(kind.__struct_fields__))
    if unknown:
        raise SettingsError(f"{FILE_VARIABLE}: [{table}] has no setting {unknown[0]!r}")
    return values


def _of_environment(kind: type[S], environment: Mapping[str, str]) -> Mapping[str, object]:
    names = {name: PREFIX + name.upper() for name in kind.__struct_fields__}
    return {name: environment[variable] for name, variable in names.items() if environment.get(variable)}


def shown(settings: S) -> list[Shown]:
    """Every setting, for printing."""
    schema = _help(type(settings))
    defaults = type(settings)()
    return [
        Shown(name, PREFIX + name.upper(), _text(getattr(defaults, name)), _text(getattr(settings, name)), schema[name])
        for name in settings.__struct_fields__
    ]


def _help(kind: type[msgspec.Struct]) -> dict[str, str]:
    described = msgspec.inspect.type_info(kind)
    assert isinstance(described, msgspec.inspect.StructType)
    return {field.name: _description(field.type) for field in described.fields}


def _description(field: msgspec.inspect.Type) -> str:
    extra: dict[str, Any] = getattr(field, "extra_json_schema", None) or {}
    return str(extra.get("description", ""))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def as_lines(settings: msgspec.Struct) -> str:
    """The settings in force, one a line: name, value and what it is."""
    rows = shown(settings)
    widths = max(len(row.name) for row in rows), max(len(row.value) for row in rows)
    return "".join(f"{row.name:<{widths[0]}}  {row.value:<{widths[1]}}  {row.help}\n" for row in rows)


def as_json(settings: msgspec.Struct) -> bytes:
    """The settings in force as one JSON object."""
    return msgspec.json.encode({name: getattr(settings, name) for name in settings.__struct_fields__}, enc_hook=str)


def as_markdown(settings: msgspec.Struct) -> str:
    """The table for the documentation: defaults, not what is in force."""
    head = "| setting | variable | default | what |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{row.name}` | `{row.variable}` | {f'`{row.default}`' if row.default else ''} | {row.help} |\n"
        for row in shown(settings)
    )
