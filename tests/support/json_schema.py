"""What a published JSON Schema demands, in the few words that the project's own schemas are made of.

Source: JSON Schema 2020-12, Validation. A word that is not known here is an error, so that nothing passes unread.
"""

from __future__ import annotations

from typing import Any

_NOTES = {"title", "description", "default", "$defs"}
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def faults(value: Any, schema: dict[str, Any], *, root: dict[str, Any] | None = None, at: str = "$") -> list[str]:
    """Where a value is not as the schema has it; empty where it is.

    >>> faults({"a": "1"}, {"properties": {"a": {"type": "number"}}, "required": ["a", "b"]})
    ['$.a: no number', '$: no b']
    """
    root = schema if root is None else root
    found: list[str] = []
    for word, said in schema.items():
        match word:
            case _ if word in _NOTES:
                pass
            case "$ref":
                found += faults(value, root["$defs"][said.removeprefix("#/$defs/")], root=root, at=at)
            case "anyOf":
                found += [] if any(not faults(value, each, root=root, at=at) for each in said) else [f"{at}: none fits"]
            case "type":
                found += [] if isinstance(value, _TYPES[said]) and not isinstance(value, bool) else [f"{at}: no {said}"]
            case "items":
                parts = enumerate(value) if isinstance(value, list) else ()
                found += [fault for i, each in parts for fault in faults(each, said, root=root, at=f"{at}[{i}]")]
            case "required":
                found += [f"{at}: no {name}" for name in said if name not in value]
            case "additionalProperties" if said is False:
                found += [f"{at}: unknown {name}" for name in value if name not in schema.get("properties", {})]
            case "properties":
                for name in said.keys() & value.keys():
                    found += faults(value[name], said[name], root=root, at=f"{at}.{name}")
            case _:
                raise NotImplementedError(f"the word {word} of JSON Schema")
    return sorted(found)
