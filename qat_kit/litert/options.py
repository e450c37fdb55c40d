"""An operator's options, whatever they are, as plain numbers, names and lists."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError
from qat_kit.litert.flatbuffer import Table


def names_of(enumeration: type) -> dict[int, str]:
    """The names of an enumeration of the schema, by value."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


TYPE_NAMES = names_of(schema.TensorType)
_OPTION_NAMES: Mapping[str, Mapping[int, str]] = {
    "padding": names_of(schema.Padding),
    "fused_activation_function": names_of(schema.ActivationFunctionType),
    "in_data_type": TYPE_NAMES,
    "out_data_type": TYPE_NAMES,
    "quantized_bias_type": TYPE_NAMES,
}


def read_options(operator: Table) -> dict[str, Any]:
    """The options of an operator's table; of a custom op's own only how many bytes they are.

    Raises ModelFileError for what cannot be read.
    """
    for kind_field, table_field, creator in (
        (3, 4, schema.BuiltinOptionsCreator),
        (11, 12, schema.BuiltinOptions2Creator),
    ):
        options = operator.table(table_field, f"the options of {operator.what}")
        if options is None:
            continue
        try:
            # The generated reader gives vectors as views, so that their length is known before they are copied.
            unpacked = creator(
                int(operator.scalar(kind_field, "B", 0)), flatbuffers.table.Table(options.buffer.data, options.position)
            )
        except (struct.error, ValueError, TypeError, IndexError, OverflowError) as error:
            raise ModelFileError(f"the options of {operator.what} cannot be read ({error})") from None
        if unpacked is None:
            return {}
        for value in vars(unpacked).values():
            options.buffer.spend(int(np.size(value)) if isinstance(value, np.ndarray) else _length(value), options.what)
        return _plain_options(unpacked)
    custom = operator.numbers(5, "uint8", f"the custom options of {operator.what}")
    return {} if custom is None else {"num_custom_option_bytes": custom.size}


def _length(value: Any) -> int:
    return len(value) if isinstance(value, bytes | list) else 1


def _plain_options(unpacked: object) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for camel_name, value in vars(unpacked).items():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", camel_name).lower()
        plain = _plain(value)
        if isinstance(plain, int) and name in _OPTION_NAMES:
            plain = _OPTION_NAMES[name].get(plain, plain)
        options[name] = plain
    return options


def _plain(value: Any) -> Any:
    """A value of an option as JSON knows it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return _plain_options(value) if hasattr(value, "__dict__") else value
