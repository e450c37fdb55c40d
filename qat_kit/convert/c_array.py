"""An artifact as C source for microcontrollers: `bundle_c_array`, an array and a header that says what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qat_kit.convert.bundle import open_artifact
from qat_kit.convert.interface import interfaces
from qat_kit.errors import DataError, NotSimulatedError
from qat_kit.files import sha256, write_text
from qat_kit.kernels import simulate
from qat_kit.litert.describing import bare
from qat_kit.litert.micro_arena import micro_arena_bytes
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import ModelFile
from qat_kit.manifest import GoldenVectors, TensorInterface, decode_all
from qat_kit.targets import get_target

# Of the arena, for what the planner of another version keeps beside.
_MARGIN = 0.1
_BYTES_A_LINE = 12
# Where tflite-micro's resolver writes words otherwise than the rule in `_method` does.
_WORDS = {"BATCH_MATMUL": "BatchMatMul", "CUMSUM": "CumSum", "PADV2": "PadV2"}


def bundle_c_array(path: Path, out: Path) -> tuple[Path, ...]:
    """Writes NAME_model.h and NAME_model.c into a folder and returns them; NAME is the model's, as C takes it.

    The array is the file without what it says of itself to phones, which a microcontroller has no use for.

    Raises DataError for a file that tflite-micro cannot run: an operator that it has not, float activations, state.
    """
    source = open_artifact(path)
    content = bare(source.content)
    model = read_model(content)
    _refuse(model)
    name = _identifier(source.manifest.name)
    told = _agreement(model, source.manifest.golden)
    header = "\n".join(_header(model, content, name=name, origin=source.manifest.files[0].sha256, told=told))
    lines = "\n".join(_lines(content))
    array = (
        f'#include "{name}_model.h"\n\n{_ALIGN}'
        f"QAT_KIT_ALIGN_16 const unsigned char {name}_model[{len(content)}] = {{\n{lines}\n}};\n"
    )
    return write_text(out / f"{name}_model.h", header), write_text(out / f"{name}_model.c", array)


# tflite-micro reads int32 and int64 constants where they lie, so the array must be aligned as they are in it.
_ALIGN = """#if defined(__cplusplus)
#define QAT_KIT_ALIGN_16 alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define QAT_KIT_ALIGN_16 _Alignas(16)
#else
#define QAT_KIT_ALIGN_16 __attribute__((aligned(16)))
#endif

"""


def _header(model: ModelFile, content: bytes, *, name: str, origin: str, told: str) -> Iterator[str]:
    graph = model.subgraphs[0]
    prefix = name.upper()
    guard = f"QAT_KIT_{prefix}_MODEL_H_"
    operators = sorted({operator.op for operator in graph.operators})
    arena = -(-round((1 + _MARGIN) * micro_arena_bytes(graph)) // 16) * 16
    inputs, outputs = interfaces(model)
    yield f"/* {name}: a .tflite file as C source, written by qat-kit bundle.\n *"
    yield f" * SHA-256 of this array: {sha256(content)}"
    yield f" * SHA-256 of the file with its metadata: {origin}\n *\n * {told}\n */"
    yield f'#ifndef {guard}\n#define {guard}\n\n#ifdef __cplusplus\nextern "C" {{\n#endif\n'
    yield f"#define {prefix}_MODEL_SIZE_BYTES {len(content)}"
    yield f"/* Of the tensor arena, on 64 bits, with {_MARGIN:.0%} to spare; a vendor's kernels may want more. */"
    yield f"#define {prefix}_ARENA_SIZE_BYTES {arena}\n"
    yield "/* tflite::MicroMutableOpResolver<NUM_OPERATORS> resolver; ADD_OPERATORS(resolver); */"
    yield f"#define {prefix}_NUM_OPERATORS {len(operators)}"
    yield f"#define {prefix}_ADD_OPERATORS(resolver) \\\n  do {{ \\"
    yield from (f"    (resolver).Add{_method(op)}(); \\" for op in operators)
    yield "  } while (0)\n"
    for kind, ends in (("INPUT", inputs), ("OUTPUT", outputs)):
        for index, end in enumerate(ends):
            yield from _end(f"{prefix}_{kind}" if len(ends) == 1 else f"{prefix}_{kind}_{index}", end)
    yield f"extern const unsigned char {name}_model[{prefix}_MODEL_SIZE_BYTES];"
    yield f"\n#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {guard} */\n"


def _agreement(model: ModelFile, golden: GoldenVectors | None) -> str:
    """How tflite-micro's kernels, as they are simulated, answer to the golden inputs beside LiteRT's reference kernels.

    They are the same but for a few, such as FULLY_CONNECTED, which rounds twice there.
    """
    if golden is None or "reference" not in golden.outputs:
        return "There are no golden outputs of LiteRT's reference kernels to compare with."
    graph = model.subgraphs[0]
    inputs, outputs = interfaces(model)
    given, expected = decode_all(golden.inputs), decode_all(golden.outputs["reference"])
    differences = []
    try:
        for place in range(len(next(iter(given.values())))):
            sample = {
                index: given[end.name][place : place + 1] for index, end in zip(graph.inputs, inputs, strict=True)
            }
            codes = simulate(graph, sample, "tflite_micro")
            for index, end in zip(graph.outputs, outputs, strict=True):
                wanted = expected[end.name][place : place + 1].astype(np.int64)
                differences.append(np.abs(codes[index].astype(np.int64) - wanted).ravel())
    except NotSimulatedError as error:
        return f"Not compared with LiteRT's reference kernels: {error}."
    apart = np.concatenate(differences)
    same = f"{int((apart == 0).sum())} of {apart.size} golden outputs are those of LiteRT's reference kernels"
    return f"{same}." if not apart.any() else f"{same}; the others are off by {apart.max()} at most."


def _end(prefix: str, end: TensorInterface) -> Iterator[str]:
    """An input's or output's facts. Nine digits tell every float32 from its neighbours."""
    shape = "x".join(str(size) for size in end.shape)
    yield f"/* {re.sub(r'[^ -~]|[*]/', '?', end.name)}: {end.dtype} {shape}; real = (code - zero point) * scale */"
    if end.scale is not None:
        yield f"#define {prefix}_SCALE {end.scale:.9e}f"
        yield f"#define {prefix}_ZERO_POINT ({end.zero_point})"
    yield ""


def _lines(content: bytes) -> Iterator[str]:
    for start in range(0, len(content), _BYTES_A_LINE):
        yield f"  {', '.join(f'0x{byte:02x}' for byte in content[start : start + _BYTES_A_LINE])},"


def _method(op: str) -> str:
    """What tflite-micro's resolver calls an operator: `AddConv2D` adds CONV_2D.

    Source: tflite-micro, tensorflow/lite/micro/micro_mutable_op_resolver.h.

    >>> _method("DEPTHWISE_CONV_2D"), _method("RELU6"), _method("BATCH_MATMUL")
    ('DepthwiseConv2D', 'Relu6', 'BatchMatMul')
    """
    words = (word if word[0].isdigit() else word.capitalize() for word in op.split("_"))
    return _WORDS.get(op) or "".join(words)


def _identifier(name: str) -> str:
    """The name as C takes one.

    >>> _identifier("ResNet-8 (v2)"), _identifier("8-bit")
    ('resnet_8_v2', 'net_8_bit')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"net_{plain}".rstrip("_")


def _refuse(model: ModelFile) -> None:
    """Raises DataError for what tflite-micro cannot run, or its arena cannot be told of."""
    micro = get_target("tflite_micro")
    graph = model.subgraphs[0]
    foreign = sorted({operator.op for operator in graph.operators if micro.support(operator.op) is None})
    if foreign:
        raise DataError(
            f"tflite-micro has no kernel for {', '.join(foreign)}; train or convert with target tflite_micro, which "
            "says so beforehand with each layer's name"
        )
    floats = [tensor.name for tensor in graph.tensors if tensor.is_float]
    if floats:
        raise DataError(
            f"a C array is made of files that are integer throughout, and {floats[0]!r} is float; convert with "
            "scheme w8a8 and int8 inputs and outputs"
        )
    stateful = [tensor.name for tensor in graph.tensors if tensor.is_variable]
    if stateful or len(model.subgraphs) > 1:
        raise DataError(
            f"a C array is made of files of one graph without state; this one has {len(model.subgraphs)} graphs and "
            f"{len(stateful)} state tensors"
        )
