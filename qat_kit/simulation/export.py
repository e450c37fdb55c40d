"""What passes from a simulated model to conversion: a SavedModel and the quantization parameters of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tf_keras

from qat_kit.errors import ModelError
from qat_kit.files import sha256
from qat_kit.numerics import QuantParams, quantize
from qat_kit.prepare.reading import LayerCall, layer_calls
from qat_kit.prepare.saved_model import save_for_conversion
from qat_kit.results import TrainedTensor, TrainedTensors
from qat_kit.simulation.kernels import params_in_file
from qat_kit.simulation.operators import IDENTITY, LIVE_BATCH_NORM
from qat_kit.simulation.quantizers import exact_scale
from qat_kit.simulation.walk import quantized_layers, walk
from qat_kit.simulation.wrapper import QuantizedLayer
from qat_kit.spec import op_spec


def export_simulated(model: tf_keras.Model, folder: Path) -> Path:
    """Writes a SavedModel of a simulated model, its output quantizers as FakeQuant operators.

    Raises ModelError for a model whose batch norm is still live.

    The kernels go in as constants on their grids, without FakeQuant (which FULLY_CONNECTED does not take per channel):
    the converter quantizes a kernel from its own values, to the scales and codes of `trained_tensors` where its largest
    code is 127; else `convert` puts those in. The certificate compares.
    """
    refuse_live_batch_norm(model)
    kernels = {
        layer.name: kernel.numpy()
        for layer in quantized_layers(model)
        if (kernel := layer.quantized_kernel()) is not None
    }
    return save_for_conversion(
        model, folder, lambda inputs: walk(model, inputs, quantize_outputs=True, kernels=kernels)
    )


def refuse_live_batch_norm(model: tf_keras.Model) -> None:
    """Raises ModelError naming the first batch norm that has not been folded."""
    for layer in quantized_layers(model):
        if layer.quantize_config.op == LIVE_BATCH_NORM:
            raise ModelError(
                f"layer {layer.name!r} is a batch norm that is still in training, and a file has none: fold it first, "
                "with `simulation.fold_trained`"
            )


def trained_tensors(model: tf_keras.Model) -> TrainedTensors:
    """The scale, zero point and codes of every quantized tensor, by layer name; an input's by the input's name.

    The file calls an input as the signature does, and may have moved its FakeQuant operator behind a reshape.
    """
    refuse_live_batch_norm(model)
    ranges = {
        layer.quantize_config.group: layer.quantize_config.output_quantizer.params(layer.output_range)
        for layer in quantized_layers(model)
        if layer.quantize_config.quantizes_output
    }
    outputs: dict[str, TrainedTensor] = {}
    weights: dict[str, TrainedTensor] = {}
    biases: dict[str, tuple[float, ...]] = {}
    tables: dict[str, TrainedTensor] = {}
    calls = {call.name: call for call in layer_calls(model)}
    for call in calls.values():
        layer = call.layer
        if not isinstance(layer, QuantizedLayer):
            continue
        config = layer.quantize_config
        if config.quantizes_output:
            name = call.inputs[0] if config.op == IDENTITY else layer.name
            outputs[name] = _record(name, config.output_quantizer.params(layer.output_range))
        if config.kernel:
            before = calls[call.inputs[0]].layer.quantize_config.group
            weights[call.name] = _kernel_record(call.name, layer, input_scale=exact_scale(ranges[before]))
            if layer.layer.use_bias:
                biases[call.name] = tuple(float(bias) for bias in layer.layer.bias.numpy())
        if isinstance(layer.layer, tf_keras.layers.Embedding):
            params = _params_of_place(call, calls)
            codes = quantize(layer.layer.embeddings.numpy(), params)
            tables[call.name] = _record(layer.name, params, codes=codes)
    return TrainedTensors(outputs=outputs, weights=weights, biases=biases, tables=tables)


def _params_of_place(call: LayerCall, calls: Mapping[str, LayerCall]) -> QuantParams:
    """The parameters of a layer's output; those of a shared layer stand in a node of their own behind each call."""
    quantizer = call.layer
    if not quantizer.quantize_config.quantizes_output:
        (quantizer,) = (each.layer for each in calls.values() if each.inputs == (call.name,))
    params: QuantParams = quantizer.quantize_config.output_quantizer.params(quantizer.output_range)
    return params


def _kernel_record(name: str, layer: QuantizedLayer, *, input_scale: float) -> TrainedTensor:
    config = layer.quantize_config
    quantizer = config.weight_quantizer
    bits_now = quantizer.bits_now(layer.kernel_range)
    if bits_now != quantizer.num_bits:
        raise ModelError(
            f"layer {name!r} has weights of {bits_now} bits at this point of its training, and its scheme says "
            f"{quantizer.num_bits}: train to the end, or lower them with `set_bits`"
        )
    kernel = quantizer.channels_last(layer.quantized_kernel().numpy())
    bias = layer.layer.bias.numpy() if layer.layer.use_bias else None
    params = params_in_file(kernel, bias, input_scale, quantizer.params(layer.kernel, layer.kernel_range))
    codes = quantize(kernel, params)
    # [other, channels] here; the file has the channels first or last, and the rest in the same order.
    in_file_layout = codes.T if op_spec(config.op).weight_axis == 0 else codes
    return _record(name, params, codes=in_file_layout)


def _record(layer: str, params: QuantParams, *, codes: np.ndarray | None = None) -> TrainedTensor:
    return TrainedTensor(
        layer=layer,
        num_bits=params.spec.num_bits,
        scale=tuple(float(scale) for scale in np.ravel(params.scale)),
        zero_point=tuple(int(zero_point) for zero_point in np.ravel(params.zero_point)),
        sha256=None if codes is None else sha256(codes.tobytes()),
    )
