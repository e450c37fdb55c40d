"""Which operators LiteRT's reference set lacks, asked of LiteRT itself."""

from __future__ import annotations

import pytest
from ai_edge_litert import interpreter as litert

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels import KERNELS, Call, run
from qat_kit.kernels.availability import REFERENCE_VERSIONS
from qat_kit.spec.runtime_versions import RUNTIME_VERSIONS
from tests.support.tflite import Builder


def is_registered(op, version, resolver):
    graph = Builder()
    x, y = graph.tensor("x", [1], "FLOAT32"), graph.tensor("y", [1], "FLOAT32")
    graph.op(op, [x], [y], version=version)
    try:
        litert.Interpreter(model_content=graph.bytes([x], [y]), experimental_op_resolver_type=resolver)
    except ValueError as error:
        return "Didn't find op" not in str(error)
    return True


def highest_versions(resolver):
    kinds = {op: range(1, len(RUNTIME_VERSIONS[op]) + 2) for op in KERNELS}
    return {
        op: max((v for v in versions if is_registered(op, v, resolver)), default=0) for op, versions in kinds.items()
    }


def test_the_list_of_what_the_reference_set_lacks_is_litert_s_own():
    builtin = highest_versions(litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    reference = highest_versions(litert.OpResolverType.BUILTIN_REF)
    assert {op: highest for op, highest in reference.items() if highest < builtin[op]} == REFERENCE_VERSIONS


def test_what_is_lacking_is_refused_before_it_is_computed():
    with pytest.raises(NotSimulatedError, match="TILE at version 3 has no kernel in LiteRT's reference set"):
        run(Call(op="TILE", inputs=(), outputs=(), kernel_set="reference", version=3))
