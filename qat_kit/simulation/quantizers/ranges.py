"""What every activation quantizer does, and the plain one: a range that data sets."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.numerics import QuantParams, TensorSpec, choose_qparams, range_for_converter
from qat_kit.simulation.quantizers.weights import PACKAGE
from qat_kit.simulation.tfmot import Quantizer

ACTIVATION_SPEC = TensorSpec(num_bits=8)
# 16-bit activations are symmetric and leave out the lowest code.
ACTIVATION_SPEC_16 = TensorSpec(num_bits=16, symmetric=True, narrow_range=True)


def activation_spec(num_bits: int) -> TensorSpec:
    """The grid of activations with 8 or 16 bits."""
    return ACTIVATION_SPEC if num_bits == 8 else ACTIVATION_SPEC_16


class ActivationQuantizer(Quantizer):  # type: ignore[misc]  # tfmot publishes no types
    """A tensor on its grid, with one scale and zero point for all of it.

    num_bits: 8 (asymmetric) or 16 (symmetric).
    """

    # Whether training moves the range; else it is measured on the calibration data, anew between epochs.
    is_learned = False

    def __init__(self, *, num_bits: int = 8) -> None:
        self.num_bits = num_bits

    @property
    def spec(self) -> TensorSpec:
        """The grid of the codes."""
        return activation_spec(self.num_bits)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """The quantizer's variables by name, NaN until `assign`: an uncalibrated model cannot pass for one."""
        raise NotImplementedError

    def assign(self, weights: dict[str, Any], params: QuantParams) -> None:
        """Sets the variables so that `params` returns these parameters."""
        raise NotImplementedError

    def params(self, weights: dict[str, Any]) -> QuantParams:
        """The parameters that the file will have."""
        raise NotImplementedError

    def export(self, inputs: Any, weights: dict[str, Any]) -> Any:
        """The tensor behind a FakeQuant operator, from which the converter finds `params` to the bit."""
        # Variables have values outside of the function that is being traced.
        with tf.init_scope():
            minimum, maximum = range_of(self.params(weights))
        return fake_quantized(inputs, minimum, maximum, self.spec)

    def get_config(self) -> dict[str, Any]:
        return {"num_bits": self.num_bits}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class RangeQuantizer(ActivationQuantizer):
    """One range for the tensor, held in two variables that calibration sets.

        ŷ = scale · (clip(round(y / scale) + zero_point, −128, 127) − zero_point)
        ∂ŷ/∂y = 1 inside the range, 0 outside

    TensorFlow's FakeQuant does the arithmetic: the converter reads the range from that operator.
    Source: Jacob et al. 2018, arXiv:1712.05877, section 3.
    """

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        del tensor_shape
        return {end: add_scalar(layer, f"{name}_{end}", trainable=False) for end in ("minimum", "maximum")}

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """The tensor on its grid."""
        del training, kwargs
        return fake_quantized(inputs, weights["minimum"], weights["maximum"], self.spec)

    def assign(self, weights: dict[str, Any], params: QuantParams) -> None:
        assign_range(weights, params)

    def params(self, weights: dict[str, Any]) -> QuantParams:
        return choose_qparams(weights["minimum"].numpy(), weights["maximum"].numpy(), self.spec)


def fake_quantized(inputs: Any, minimum: Any, maximum: Any, spec: TensorSpec) -> Any:
    """TensorFlow's FakeQuant for the grid of `spec`."""
    return tf.quantization.fake_quant_with_min_max_vars(
        inputs, minimum, maximum, num_bits=spec.num_bits, narrow_range=spec.narrow_range
    )


def add_scalar(layer: Any, name: str, *, trainable: bool) -> Any:
    """A scalar variable of a layer, NaN at first."""
    initializer = tf_keras.initializers.Constant(float("nan"))
    return layer.add_weight(name=name, shape=(), initializer=initializer, trainable=trainable)


def range_of(params: QuantParams) -> tuple[np.float32, np.float32]:
    """The FakeQuant range from which the converter finds these parameters.

    For a symmetric format that is ± the highest code's real value; `choose_qparams` finds the scale again from it, and
    the converter computes alike, (maximum − minimum) / (highest − lowest) in double precision.
    """
    if params.spec.symmetric:
        maximum = np.float32(np.float64(params.scale) * params.spec.integer_maximum)
        return np.float32(-maximum), maximum
    return cast("tuple[np.float32, np.float32]", tuple(end[()] for end in range_for_converter(params)))


def assign_range(variables: dict[str, Any], params: QuantParams) -> None:
    """Sets the variables of a RangeQuantizer so that the converter finds these parameters to the bit."""
    minimum, maximum = range_of(params)
    variables["minimum"].assign(minimum)
    variables["maximum"].assign(maximum)


def read_params(variables: dict[str, Any]) -> QuantParams:
    """The parameters that the variables of an 8-bit RangeQuantizer stand for."""
    return RangeQuantizer().params(variables)


def exact_scale(params: QuantParams) -> float:
    """The scale before its cast to float32, as the converter computes it from the range that it is given."""
    minimum, maximum = (float(end) for end in range_of(params))
    return (maximum - minimum) / (params.spec.integer_maximum - params.spec.integer_minimum)
