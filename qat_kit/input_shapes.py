"""The sizes that a user gives a model's inputs, as text or as Python writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qat_kit.errors import SettingsError

# Input name → its sizes without the batch; "" for the only input.
InputShapes = Mapping[str, tuple[int, ...]]

_EXPECTED = "expected sizes without the batch, such as 224x224x3, or image=224x224x3,tokens=128 for several inputs"


def read_input_shapes(value: object) -> dict[str, tuple[int, ...]]:
    """Input name → sizes; "" stands for the only input. Raises SettingsError.

    >>> read_input_shapes("image=224x224x3, tokens=128")
    {'image': (224, 224, 3), 'tokens': (128,)}
    >>> read_input_shapes((224, 224, 3))
    {'': (224, 224, 3)}
    """
    if not value:
        return {}
    if isinstance(value, str):
        entries = [entry.rpartition("=") for entry in value.split(",")]
        return {name.strip(): _sizes(sizes.split("x"), value) for name, _, sizes in entries}
    if isinstance(value, Mapping):
        return {str(name): _sizes(sizes, value) for name, sizes in value.items()}
    return {"": _sizes(value, value)}


def _sizes(sizes: object, given: object) -> tuple[int, ...]:
    try:
        if not isinstance(sizes, Sequence) or isinstance(sizes, str):
            raise TypeError
        numbers = tuple(int(size) for size in sizes)
    except (TypeError, ValueError):
        raise SettingsError(f"input_shapes = {given!r}: {_EXPECTED}") from None
    if not numbers or min(numbers) < 1:
        raise SettingsError(f"input_shapes = {given!r}: sizes are 1 or more; {_EXPECTED}")
    return numbers
