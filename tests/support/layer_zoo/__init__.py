"""The zoo: small models of every kind of layer, alone and together, and what the kit and tfmot make of them.

`scripts/docs/coverage.py` renders it to docs/coverage.md, `tests/parity/test_zoo.py` holds a part of it.
"""

from __future__ import annotations

from tests.support.layer_zoo.keras3 import keras3_rows
from tests.support.layer_zoo.row import Row, rows
from tests.support.layer_zoo.sequences import SEQUENCES
from tests.support.layer_zoo.single import SINGLE
from tests.support.layer_zoo.structure import OPERATIONS, STRUCTURE
from tests.support.layer_zoo.topologies import TOPOLOGIES
from tests.support.models import PATTERNS

__all__ = ["ROWS", "Row"]

ROWS: dict[str, Row] = {
    **TOPOLOGIES,
    **SINGLE,
    **SEQUENCES,
    **OPERATIONS,
    **STRUCTURE,
    **keras3_rows(),
    **rows("patterns", {name: (name.replace("_", " "), build) for name, build in PATTERNS.items()}),
}
