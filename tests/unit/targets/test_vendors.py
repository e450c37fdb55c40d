"""The microcontroller and NPU targets, asked of tflite-micro's interpreter and of Arm's own compiler, Vela.

Both are installed from PyPI into an environment of their own, once a session; where that fails, the tests are skipped.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.schemes import get_scheme
from qat_kit.spec import OPS, op_spec
from qat_kit.targets import LayerDescription, Target, get_target
from tests.support.environments import environment_with

pytestmark = pytest.mark.slow

PACKAGES = ("ethos-u-vela==5.2.0", "tflite-micro==0.dev20261023182759")
SCHEMES = {8: "w8a8", 16: "w8a16"}
ACCELERATORS = {"ethos_u55": "ethos-u55-128", "ethos_u65": "ethos-u65-256", "ethos_u85": "ethos-u85-256"}


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds what the vendors publish."""
    return environment_with(tmp_path_factory.mktemp("vendor"), *PACKAGES)


def files(ops: SimpleNamespace) -> dict[str, bytes]:
    """One file for each op, type of activations, and width and granularity of weights that there is to ask about."""
    found = {}
    for op, case in ops.cases.items():
        widths = [(8, False), (8, True), (4, False), (4, True)] if op_spec(op).weight_inputs else [(8, False)]
        for num_bits in (8, 16):
            for weight_bits, per_axis in widths:
                name = f"{op}-{num_bits}-{weight_bits}-{'per_axis' if per_axis else 'per_tensor'}"
                found[name] = ops.build([(op, case, num_bits)], weight_bits=weight_bits, per_axis=per_axis)
    return found


# ---------------------------------------------------------------------------------------------------------- TFLM

RUN_TFLM = """
import json, pathlib, sys
import numpy as np
from tflite_micro.python.tflite_micro import runtime

verdicts = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.tflite")):
    try:
        interpreter = runtime.Interpreter.from_bytes(path.read_bytes(), arena_size=200_000)
        for index in range(int(path.with_suffix(".inputs").read_text())):
            detail = interpreter.get_input_details(index)
            zero_points = detail["quantization_parameters"]["zero_points"]
            value = (int(zero_points[0]) if len(zero_points) else 0) + 1
            interpreter.set_input(np.full(detail["shape"], value, detail["dtype"]), index)
        interpreter.invoke()
        verdicts[path.stem] = "runs"
    except Exception as error:
        verdicts[path.stem] = str(error)
pathlib.Path(sys.argv[2]).write_text(json.dumps(verdicts))
"""


def test_tflite_micro_takes_what_the_table_says(ops: SimpleNamespace, vendor: Path, tmp_path: Path) -> None:
    contents = files(ops)
    for name, content in contents.items():
        (tmp_path / f"{name}.tflite").write_bytes(content)
        graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
        (tmp_path / f"{name}.inputs").write_text(str(len(graph.inputs)))
    command = [str(vendor / "python"), "-c", RUN_TFLM, str(tmp_path), str(tmp_path / "verdicts.json")]
    subprocess.run(command, check=True, capture_output=True)
    verdicts = json.loads((tmp_path / "verdicts.json").read_text())
    target, wrong = get_target("tflite_micro"), []
    for name, verdict in verdicts.items():
        op, num_bits, weight_bits, granularity = name.split("-")
        support = target.support(op)
        permitted = support is not None and any(
            signature.activations == f"int{num_bits}"
            and (
                signature.weights is None
                or (signature.weights == f"int{weight_bits}" and granularity in signature.granularities)
            )
            for signature in support.signatures
        )
        if (verdict == "runs") != permitted:
            wrong.append(f"{name}: the table says {permitted}, the runtime {verdict}")
    # An oddity that no table of types should build on: of the comparisons, GREATER alone takes int16.
    assert [line for line in wrong if not line.startswith("GREATER-16")] == []


# ---------------------------------------------------------------------------------------------------------- Vela


@pytest.fixture
def placed_on_npu(vendor: Path, tmp_path: Path) -> Callable[[bytes, str], bool]:
    """Whether Vela maps every op of a file to the NPU; a refusal counts as no."""

    def ask(content: bytes, accelerator: str) -> bool:
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        command = [str(vendor / "vela"), str(path), "--accelerator-config", accelerator, "--output-dir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode == 0 and "Reason:" not in done.stdout + done.stderr

    return ask


def describe(op: str, case: SimpleNamespace) -> LayerDescription:
    """What the kit would say of the layer before conversion."""
    values, spec = case.values, op_spec(op)
    data = [tuple(item) for index, item in enumerate(case.inputs) if spec.is_data_input(index)]
    weight = tuple(case.inputs[spec.weight_input]) if spec.weight_input is not None else None
    padding = {schema.Padding.SAME: "SAME", schema.Padding.VALID: "VALID"}.get(values.get("padding"))
    return LayerDescription(
        path=op.lower(),
        layer_class="Layer",
        op=op,
        input_shapes=tuple(data),
        output_shapes=tuple(tuple(shape) for shape in case.outputs),
        weight_shape=weight,
        window=(values["filterHeight"], values["filterWidth"]) if "filterHeight" in values else None,
        strides=(values["strideH"], values["strideW"]) if "strideH" in values else None,
        dilations=(values["dilationHFactor"], values["dilationWFactor"]) if "dilationHFactor" in values else None,
        padding=padding,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", ACCELERATORS)
@pytest.mark.parametrize("num_bits", SCHEMES)
def test_vela_takes_what_the_table_says(
    ops: SimpleNamespace, placed_on_npu: Callable[[bytes, str], bool], name: str, num_bits: int
) -> None:
    target, scheme = get_target(name), get_scheme(SCHEMES[num_bits])
    # Vela wants the padding value of PADV2 constant, which the case at hand does not have.
    cases = {op: case for op, case in ops.cases.items() if op != "PADV2"}
    taken = [op for op, case in cases.items() if target.accelerates(describe(op, case), scheme)]
    assert len(taken) > 40
    wrong = []
    for op, case in cases.items():
        content = ops.build([(op, case, num_bits)], per_axis=True)
        if placed_on_npu(content, ACCELERATORS[name]) != (op in taken):
            wrong.append(f"{op}: the table says {op in taken}")
    assert wrong == []


@pytest.mark.parametrize("name", ACCELERATORS)
@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"])
def test_vela_takes_no_int4_weights(
    ops: SimpleNamespace, placed_on_npu: Callable[[bytes, str], bool], name: str, op: str
) -> None:
    content = ops.build([(op, ops.cases[op], 8)], weight_bits=4)
    assert not placed_on_npu(content, ACCELERATORS[name])
    assert get_target(name).runs_on(describe(op, ops.cases[op]), get_scheme("w4a8")) is None


def size(length: int, kernel: int, stride: int, padding: str) -> int:
    return -(-length // stride) if padding == "SAME" else (length - kernel) // stride + 1


def convolution(ops: SimpleNamespace, op: str, kernel: int, stride: int, padding: str) -> SimpleNamespace:
    side = size(97, kernel, stride, padding)
    weight, channels = ((6, kernel, kernel, 4), 6) if op == "CONV_2D" else ((1, kernel, kernel, 4), 4)
    values = {
        "padding": getattr(schema.Padding, padding),
        **{"strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1},
        **({"depthMultiplier": 1} if op == "DEPTHWISE_CONV_2D" else {}),
    }
    options = "Conv2DOptions" if op == "CONV_2D" else "DepthwiseConv2DOptions"
    return ops.Case([(1, 97, 97, 4), weight, (channels,)], [(1, side, side, channels)], options, values)


def pool(ops: SimpleNamespace, height: int, width: int, stride: int, padding: str) -> SimpleNamespace:
    values = {
        "padding": getattr(schema.Padding, padding),
        **{"strideH": stride, "strideW": stride, "filterHeight": height, "filterWidth": width},
    }
    sides = size(301, height, stride, padding), size(301, width, stride, padding)
    return ops.Case([(1, 301, 301, 4)], [(1, *sides, 4)], "Pool2DOptions", values)


def resize(ops: SimpleNamespace, factor: int) -> SimpleNamespace:
    target = np.array((8 * factor, 8 * factor), np.int32)
    return ops.Case([(1, 8, 8, 4), target], [(1, 8 * factor, 8 * factor, 4)], "ResizeBilinearOptions")


def upsample(ops: SimpleNamespace, stride: int) -> SimpleNamespace:
    side = 8 * stride
    values = {"padding": schema.Padding.SAME, "strideH": stride, "strideW": stride}
    inputs = [np.array((1, side, side, 6), np.int32), (6, 3, 3, 4), (1, 8, 8, 4), (6,)]
    return ops.Case(inputs, [(1, side, side, 6)], "TransposeConvOptions", values)


def mean(ops: SimpleNamespace, batch: int) -> SimpleNamespace:
    return ops.Case([(batch, 8, 8, 4), np.array((1, 2), np.int32)], [(batch, 4)], "ReducerOptions")


LIMITS = {
    **{f"convolution {stride} {padding}": ("CONV_2D", convolution, ("CONV_2D", 3, stride, padding))
       for stride in (3, 4) for padding in ("SAME", "VALID")},
    **{f"depthwise {stride} {padding}": ("DEPTHWISE_CONV_2D", convolution, ("DEPTHWISE_CONV_2D", 3, stride, padding))
       for stride in (3, 4) for padding in ("SAME", "VALID")},
    **{f"average {size} {padding}": ("AVERAGE_POOL_2D", pool, (size, size, 2, padding))
       for size in (8, 9) for padding in ("SAME", "VALID")},
    **{f"{op} {height}x{width}": (op, pool, (height, width, 2, "VALID"))
       for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D") for height, width in ((256, 256), (257, 1), (256, 257))},
    **{f"maximum stride {stride} {padding}": ("MAX_POOL_2D", pool, (8, 8, stride, padding))
       for stride in (3, 4) for padding in ("SAME", "VALID")},
    **{f"resize {factor}": ("RESIZE_BILINEAR", resize, (factor,)) for factor in (2, 3, 4, 8, 16)},
    **{f"transposed {stride}": ("TRANSPOSE_CONV", upsample, (stride,)) for stride in (1, 2, 3)},
    **{f"mean of batch {batch}": ("MEAN", mean, (batch,)) for batch in (1, 2)},
}  # fmt: skip


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", ACCELERATORS)
def test_vela_keeps_the_limits(
    ops: SimpleNamespace, placed_on_npu: Callable[[bytes, str], bool], name: str, limit: str
) -> None:
    op, make, arguments = LIMITS[limit]
    case = make(ops, *arguments)
    target: Target = get_target(name)
    expected = target.accelerates(describe(op, case), get_scheme("w8a8"))
    assert placed_on_npu(ops.build([(op, case, 8)]), ACCELERATORS[name]) == expected


def test_vela_reports_the_ops_of_the_table(vendor: Path, tmp_path: Path) -> None:
    """Its own report, written anew, names every op that the tables name."""
    subprocess.run([str(vendor / "vela"), "--supported-ops-report"], cwd=tmp_path, check=True, capture_output=True)
    report = (tmp_path / "SUPPORTED_OPS.md").read_text()
    small, large = report.split("## Ethos-U85 TFLite Summary Table")
    tables = {"ethos_u55": small, "ethos_u65": small, "ethos_u85": large}
    for name, text in tables.items():
        text = text.split("## Ethos-U55 and Ethos-U65 TOSA")[0] if name == "ethos_u85" else text
        missing = [support.op for support in get_target(name).ops if f"| {support.op} |" not in text]
        assert missing == [], name
        assert len(get_target(name).ops) <= len(OPS)
