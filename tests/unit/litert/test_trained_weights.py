"""Every scheme that can be trained is exported: proven to the bit, with the codes of training, and it answers alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tf_keras import layers

from qat_kit.convert.converter import packed_ops
from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.errors import ModelFileError
from qat_kit.files import sha256
from qat_kit.kernels import simulate as simulate_graph
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, KernelSet, Limits
from qat_kit.litert.model_file import ModelFile, read_model
from qat_kit.litert.packing import packed_bytes
from qat_kit.litert.trained_weights import with_trained_weights
from qat_kit.prepare import prepare
from qat_kit.results import QatModel, TrainedTensors
from qat_kit.schemes import QuantScheme, get_scheme
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.targets import get_target
from qat_kit.verify import verify
from tests.support import models
from tests.support.models import chain, conv, model_of
from tests.support.tflite import changed, int8_network
from tests.support.tflite_micro import run_on_micro

# What codes the layers between the ends may have.
CODES = {
    "w8a8": set(range(-127, 128)),
    "w4a8": set(range(-7, 8)),
    "w3a8": set(range(-3, 4)),
    "w2a8": {-1, 0, 1},
    "ternary_a8": {-1, 0, 1},
    "binary_a8": {-1, 1},
    "pow2_a8": {0, *(sign * 2**power for sign in (-1, 1) for power in range(7))},
    "apot_a8": {0, *(sign * level for sign in (-1, 1) for level in (1, 2, 3, 4, 6, 8, 10))},
    "codebook_a8": set(range(-127, 128)),
    "w8a16": set(range(-127, 128)),
}
FAST = ("w4a8", "pow2_a8", "w8a16")


def net(image: object) -> object:
    value = layers.ReLU()(conv(6, name="first")(image))
    value = layers.ReLU()(layers.DepthwiseConv2D(3, padding="same", name="depthwise")(value))
    value = layers.Add(name="sum")([value, conv(6, name="body", use_bias=False)(value)])
    value = layers.Dense(7, name="hidden", activation="relu")(layers.Flatten()(value))
    return layers.Dense(3, name="last")(value)


def exported(scheme: QuantScheme, folder: Path) -> tuple[QatModel, TrainedTensors, Path]:
    model = model_of(net)
    # A channel that is all zero, and one whose bias outweighs it by far.
    kernel, bias = model.get_layer("depthwise").get_weights()
    kernel[:, :, 1], kernel[:, :, 2], bias[2] = 0, 1e-9, 3
    model.get_layer("depthwise").set_weights([kernel, bias])
    qat = simulate(prepare(model), [models.samples(model, 32)], scheme=scheme, target="litert_builtin")
    trained = trained_tensors(qat.model)
    wide = scheme.activations is not None and scheme.activations.num_bits == 16
    job = Job(
        saved_model=export_simulated(qat.model, folder / "saved_model"),
        output=folder / "out.tflite",
        mode="int16x8_from_qat" if wide else "int8_from_qat",
        interface="int16" if wide else "int8",
        trained=trained.save(folder / "tensors.json"),
    )
    run(job)
    return qat, trained, job.output


def weights_of(model: ModelFile) -> dict[str, np.ndarray]:
    """The codes of each layer's kernel."""
    found = {}
    for tensor in model.subgraphs[0].tensors:
        for layer in ("first", "depthwise", "body", "hidden", "last"):
            if tensor.is_constant and tensor.type == "INT8" and tensor.name.split("/")[-2:-1] == [layer]:
                found[layer] = tensor.data
    return found


def assert_exported(scheme: QuantScheme, folder: Path) -> None:
    qat, trained, path = exported(scheme, folder)
    certificate = verify(path, scheme_name=scheme, expected=trained, target="litert_builtin")
    assert certificate.passed, [finding.line for finding in certificate.findings]
    weights = weights_of(read_model(path))
    assert set(weights) == set(trained.weights)
    for layer, codes in weights.items():
        assert sha256(codes.tobytes()) == trained.weights[layer].sha256
        if layer in ("depthwise", "body", "hidden"):
            assert set(codes.reshape(-1).tolist()) <= CODES[scheme.name] | ({0} if layer == "depthwise" else set())
        elif scheme.end_layers is not None:
            assert np.abs(codes).max() == 127
    inputs = models.samples(qat.model, 64, seed=5)
    (expected,) = models.outputs_of(qat.model, inputs)
    answers = next(iter(Interpreter(path, kernel_set="xnnpack").run_real({"image": inputs[0]}).values()))
    steps = np.abs(answers - expected) / trained.outputs["last"].scale[0]
    # Codes and scales are proven above. Each of five operators rounds anew, off by one step in a share of its outputs,
    # and dense layers add up hundreds of those; the coarser the weights, the larger. 16 bits have 256 times the steps.
    assert steps.max() < (20 if scheme.name == "w8a16" else 8)
    assert scheme.name == "w8a16" or np.mean(steps) < 1.5


def test_learned_ternary_levels_are_exported_as_they_were_trained(tmp_path: Path) -> None:
    scheme = get_scheme("ternary_a8").trained_by(weight_ranges="learned_step")
    _, trained, path = exported(scheme, tmp_path)
    certificate = verify(path, scheme_name=scheme, expected=trained, target="litert_builtin")
    assert certificate.passed, [finding.line for finding in certificate.findings]
    found = weights_of(read_model(path))
    for layer, codes in found.items():
        assert sha256(codes.tobytes()) == trained.weights[layer].sha256
    for channel in found["body"]:
        below, _, above = np.unique(channel)
        assert max(-below, above) == 127


@pytest.mark.parametrize("name", FAST)
def test_a_scheme_is_exported_as_it_was_trained(name: str, tmp_path: Path) -> None:
    assert_exported(get_scheme(name), tmp_path)


@pytest.mark.parametrize(("kernel_set", "reads"), [("reference", False), ("builtin", True), ("xnnpack", True)])
def test_packed_depthwise_kernels_are_lacking_in_the_reference_set(kernel_set: KernelSet, reads: bool) -> None:
    """Why DEPTHWISE_CONV_2D keeps its 4-bit codes a byte each."""

    def packed(model: schema.ModelT) -> None:
        operator = model.subgraphs[0].operators[1]
        weight = model.subgraphs[0].tensors[operator.inputs[1]]
        weight.type = schema.TensorType.INT4
        codes = np.asarray(model.buffers[weight.buffer].data).view(np.int8) % 8
        model.buffers[weight.buffer].data = packed_bytes(codes.astype(np.int8))
        model.operatorCodes[operator.opcodeIndex].version = 7

    content = changed(int8_network(), packed)
    if reads:
        Interpreter(content, kernel_set=kernel_set, limits=Limits()).close()
    else:
        with pytest.raises(ModelFileError, match=r"DEPTHWISE_CONV_2D' version '7'"):
            Interpreter(content, kernel_set=kernel_set, limits=Limits())


def test_layers_of_equal_weights_keep_their_own_biases(tmp_path: Path) -> None:
    """Equal kernels stand in the file once, and each reader's bias is at its own scale."""
    model = model_of(chain(*(layers.Dense(12, name=name) for name in "abc"), layers.Dense(3)), (12,))
    kernel, bias = model.get_layer("b").get_weights()
    model.get_layer("c").set_weights([kernel, bias[::-1] + 1.5])
    qat = simulate(prepare(model), [models.samples(model, 32)], scheme="w4a8", target="litert_builtin")
    trained = trained_tensors(qat.model)
    source = export_simulated(qat.model, tmp_path / "saved_model")
    job = Job(saved_model=source, output=tmp_path / "out.tflite", mode="int8_from_qat")
    run(job.model_copy(update={"trained": trained.save(tmp_path / "tensors.json")}))
    graph = read_model(job.output).subgraphs[0]
    _, b, c, _ = (operator for operator in graph.operators if operator.op == "FULLY_CONNECTED")
    assert graph.tensors[b.inputs[1]].buffer == graph.tensors[c.inputs[1]].buffer
    certificate = verify(job.output, scheme_name="w4a8", expected=trained, target="litert_builtin")
    assert certificate.passed, [finding.line for finding in certificate.findings]


def test_layers_of_equal_weights_on_one_tensor_are_refused_by_name(tmp_path: Path) -> None:
    """The converter makes one product of both; what comes out of it has no quantizer, and stays float."""

    def twins(vector: object) -> object:
        return layers.Add()([layers.Dense(5, name="left")(vector), layers.Dense(5, name="right")(vector)])

    model = model_of(twins, (6,))
    kernel, bias = model.get_layer("left").get_weights()
    model.get_layer("right").set_weights([kernel, bias + 1.5])
    qat = simulate(prepare(model), [models.samples(model, 32)])
    trained = trained_tensors(qat.model)
    output = tmp_path / "out.tflite"
    run(Job(saved_model=export_simulated(qat.model, tmp_path / "saved_model"), output=output, mode="int8_from_qat"))
    certificate = verify(output, expected=trained)
    assert certificate.findings[0].remedy.startswith("'left' and 'right' have equal weights")


def test_biases_beside_16_bits_are_int64_without_what_was_trained(tmp_path: Path) -> None:
    model = model_of(chain(layers.Dense(5), layers.Dense(3)), (6,))
    qat = simulate(prepare(model), [models.samples(model, 32)], scheme="w8a16", target="litert_builtin")
    source, output = export_simulated(qat.model, tmp_path / "saved_model"), tmp_path / "out.tflite"
    run(Job(saved_model=source, output=output, mode="int16x8_from_qat", interface="int16"))
    graph = read_model(output).subgraphs[0]
    kinds = [graph.tensors[operator.inputs[2]].type for operator in graph.operators]
    assert kinds == ["INT64", "INT64"]
    certificate = verify(output, scheme_name="w8a16", expected=trained_tensors(qat.model), target="litert_builtin")
    assert certificate.passed, [finding.line for finding in certificate.findings]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CODES if name not in FAST])
def test_every_other_scheme_is_exported_as_it_was_trained(name: str, tmp_path: Path) -> None:
    assert_exported(get_scheme(name), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *(("w8a8", {"weight_ranges": way}) for way in ("least_squares", "learned_step", "power_of_two_step")),
        *(("w8a8", {"activation_ranges": way}) for way in ("learned_step", "clipped", "soft")),
        ("w8a16", {"activation_ranges": "learned_step"}),
        ("w4a8", {"weight_ranges": "min_max", "activation_ranges": "learned_step"}),
        ("binary_a8", {"binary_gradient": "approximate_sign"}),
    ],
)
def test_every_way_of_training_is_exported(name: str, changes: dict[str, str], tmp_path: Path) -> None:
    assert_exported(get_scheme(name).trained_by(**changes), tmp_path)


def test_a_file_that_is_as_trained_stays_what_it_is_and_foreign_weights_stay(tmp_path: Path) -> None:
    _, trained, path = exported(get_scheme("w4a8"), tmp_path)
    content = path.read_bytes()
    assert with_trained_weights(content, trained) == content
    other = TrainedTensors(
        weights={name: tensor.model_copy(update={"sha256": "0" * 64}) for name, tensor in trained.weights.items()}
    )
    assert with_trained_weights(content, other) == content


def test_weights_of_four_bits_are_packed_where_the_runtime_reads_them_and_answer_alike(tmp_path: Path) -> None:
    _, trained, path = exported(get_scheme("w4a8"), tmp_path)
    plain, target = path.read_bytes(), get_target("litert_builtin")
    packed = with_trained_weights(plain, trained, packed_ops=packed_ops(target))
    assert with_trained_weights(packed, trained, packed_ops=packed_ops(target)) == packed
    model = read_model(packed)
    graph = model.subgraphs[0]
    stored = {
        (operator.op, operator.version, graph.tensors[operator.inputs[1]].type)
        for operator in graph.operators
        if operator.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    }
    assert stored == {("CONV_2D", 7, "INT4"), ("DEPTHWISE_CONV_2D", 3, "INT8"), ("FULLY_CONNECTED", 10, "INT4")}
    # Two codes to a byte, and nothing of the unpacked ones is left; the file has other tables, of some 100 bytes.
    saved = sum(tensor.data.size // 2 for tensor in graph.tensors if tensor.type == "INT4")
    assert len(plain) - len(packed) > saved - 200 > 1000
    certificate = verify(packed, scheme_name="w4a8", expected=trained, target=target)
    assert certificate.passed, [finding.line for finding in certificate.findings]
    assert certificate.figures is not None
    assert certificate.figures.contents.endswith("4-bit codes a byte each in DEPTHWISE_CONV_2D")
    codes = np.random.default_rng(0).integers(-128, 128, (64, *graph.tensors[graph.inputs[0]].shape[1:]), np.int8)
    for kernel_set in KERNEL_SETS:
        answers = Interpreter(packed, kernel_set=kernel_set).run(codes)
        # XNNPACK takes no packed convolution, so that another kernel, which rounds otherwise, computes it.
        if kernel_set != "xnnpack":
            np.testing.assert_array_equal(answers, Interpreter(plain, kernel_set=kernel_set).run(codes))
        for index in range(8):
            written = simulate_graph(graph, {graph.inputs[0]: codes[index : index + 1]}, kernel_set)
            np.testing.assert_array_equal(written[graph.outputs[0]][0], answers[index])
    micro = with_trained_weights(plain, trained, packed_ops=packed_ops(get_target("tflite_micro")))
    certificate = verify(micro, scheme_name="w4a8", expected=trained, target="tflite_micro")
    assert [finding.op for finding in certificate.findings] == []
    written = simulate_graph(read_model(micro).subgraphs[0], {graph.inputs[0]: codes[:1]}, "tflite_micro")
    np.testing.assert_array_equal(run_on_micro(micro, [codes[:1]])[0], written[graph.outputs[0]])
