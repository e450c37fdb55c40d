"""Activations whose range training moves, or whose gradient is not the plain one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.numerics import QuantParams, TensorSpec, choose_qparams
from qat_kit.simulation.quantizers.ranges import ActivationQuantizer, RangeQuantizer, add_scalar, range_of
from qat_kit.simulation.quantizers.weights import PACKAGE, positive


@tf_keras.utils.register_keras_serializable(PACKAGE)
class LearnedStepQuantizer(ActivationQuantizer):
    """LSQ+: step and offset are trained; LSQ, without an offset, for 16 bits.

        ŷ = s · round(clip((y − β) / s, n, p)) + β,   n, p the lowest and highest code,   β = −zero_point · s
        ∂ŷ/∂y = 1 within the codes, 0 outside;   ∂ŷ/∂β = 0 within, 1 outside
        ∂ŷ/∂s = round(r) − r within (r = (y − β)/s), n or p outside;   the latter two times 1 / √(N · p), N features

    The learned offset is rounded to a whole zero point in each step (its gradient passes), so that real zero is a code
    and the file computes what training does. Step and offset are learned in units of the calibrated range.

    Source: Bhalgat et al. 2020, arXiv:2004.09576, section 3; Esser et al. 2020, arXiv:1902.08153, section 2.2.
    """

    is_learned = True

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        del tensor_shape
        weights = {
            "unit": add_scalar(layer, f"{name}_step_unit", trainable=False),
            "factor": add_scalar(layer, f"{name}_step_factor", trainable=True),
        }
        if not self.spec.symmetric:
            weights["offset"] = add_scalar(layer, f"{name}_offset", trainable=True)
        return weights

    def assign(self, weights: dict[str, Any], params: QuantParams) -> None:
        weights["unit"].assign(params.scale)
        weights["factor"].assign(1.0)
        if "offset" in weights:
            weights["offset"].assign(-float(params.zero_point) / _num_steps(self.spec))

    def params(self, weights: dict[str, Any]) -> QuantParams:
        step, zero_point = (value.numpy() for value in self.grid(weights)[:2])
        params = QuantParams(spec=self.spec, scale=step, zero_point=zero_point.astype("int32"))
        # A symmetric scale must be one that a float32 range leads to.
        return choose_qparams(*range_of(params), self.spec) if self.spec.symmetric else params

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """The tensor on its grid."""
        del training, kwargs
        step, zero_point, offset = self.grid(weights)
        return _stepped(inputs, step, offset, zero_point, self.spec)

    def grid(self, weights: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """(step, zero point, learned offset), float32 scalars."""
        unit = tf.convert_to_tensor(weights["unit"])
        step = positive(tf.convert_to_tensor(weights["factor"]) * unit)
        if self.spec.symmetric:
            return step, tf.constant(0.0), tf.constant(0.0)
        offset = tf.convert_to_tensor(weights["offset"]) * unit * _num_steps(self.spec)
        zero_point = tf.round(-tf.stop_gradient(offset) / tf.stop_gradient(step))
        lowest, highest = float(self.spec.integer_minimum), float(self.spec.integer_maximum)
        return step, tf.clip_by_value(zero_point, lowest, highest), offset


@tf_keras.utils.register_keras_serializable(PACKAGE)
class PactQuantizer(ActivationQuantizer):
    """PACT: a clip α is trained, and 2^num_bits − 1 steps cover [0, α]; for what is behind a ReLU.

        ŷ = round(clip(y, 0, α) / s) · s,   s = α / (2^num_bits − 1)
        ∂ŷ/∂y = 1 where 0 ≤ y < α, else 0;   ∂ŷ/∂α = 1 where y ≥ α, else 0

    Source: Choi et al. 2018, arXiv:1805.06085, equations 1 to 3.
    """

    is_learned = True

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        del tensor_shape
        return {
            "unit": add_scalar(layer, f"{name}_clip_unit", trainable=False),
            "factor": add_scalar(layer, f"{name}_clip_factor", trainable=True),
        }

    def assign(self, weights: dict[str, Any], params: QuantParams) -> None:
        weights["unit"].assign(params.maximum)
        weights["factor"].assign(1.0)

    def params(self, weights: dict[str, Any]) -> QuantParams:
        return choose_qparams(0.0, self.clip(weights).numpy(), self.spec)

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """The tensor on its grid."""
        del training, kwargs
        return _clipped(inputs, self.clip(weights), _num_steps(self.spec))

    def clip(self, weights: Mapping[str, Any]) -> Any:
        """α, a float32 scalar."""
        return positive(tf.convert_to_tensor(weights["factor"]) * weights["unit"])


@tf_keras.utils.register_keras_serializable(PACKAGE)
class SoftQuantizer(RangeQuantizer):
    """DSQ: the measured range and the hard stair of RangeQuantizer, with the gradient of a soft one.

        ∂ŷ/∂y = Δ·k / (2·(1 − α)) · (1 − tanh²(k·(y − m))) inside the range, 0 outside
        Δ the step, m the middle of y's interval, k = ln(2/α − 1) / Δ

    alpha: in (0, 1), how soft. Source: Gong et al. 2019, arXiv:1908.05033, section 3; `numerics.activations.dsq`.
    """

    def __init__(self, *, num_bits: int = 8, alpha: float = 0.2) -> None:
        super().__init__(num_bits=num_bits)
        self.alpha = alpha

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """The tensor on its grid."""
        minimum, maximum = (tf.convert_to_tensor(weights[end]) for end in ("minimum", "maximum"))
        hard = super().__call__(inputs, training, weights, **kwargs)

        @tf.custom_gradient
        def forward(values: Any) -> Any:
            def backward(upstream: Any) -> Any:
                step = (maximum - minimum) / _num_steps(self.spec)
                sharpness = math.log(2 / self.alpha - 1) / step
                index = tf.minimum(tf.floor((values - minimum) / step), _num_steps(self.spec) - 1.0)
                slope = 1.0 - tf.square(tf.tanh(sharpness * (values - (minimum + (index + 0.5) * step))))
                inside = (values >= minimum) & (values <= maximum)
                soft = upstream * slope * step * sharpness / (2 * (1 - self.alpha))
                return tf.where(inside, soft, tf.zeros_like(soft))

            return hard, backward

        return forward(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


def _num_steps(spec: TensorSpec) -> float:
    """Steps from the lowest code to the highest."""
    return float(spec.integer_maximum - spec.integer_minimum)


def _stepped(inputs: Any, step: Any, offset: Any, zero_point: Any, spec: TensorSpec) -> Any:
    """LSQ+. The value of β is that of the rounded zero point, its gradient goes to the learned offset."""
    lowest, highest = float(spec.integer_minimum), float(spec.integer_maximum)
    pace = 1 / math.sqrt(math.prod(inputs.shape[1:]) * highest)

    @tf.custom_gradient
    def forward(values: Any, step: Any, offset: Any) -> Any:
        del offset
        ratio = values / step + zero_point
        clipped = tf.clip_by_value(ratio, lowest, highest)
        codes = tf.round(clipped)

        def backward(upstream: Any) -> Any:
            within = tf.equal(ratio, clipped)
            zeros = tf.zeros_like(upstream)
            by_step = tf.where(within, codes - ratio, clipped)
            to_step = pace * tf.reduce_sum(upstream * by_step)
            to_offset = pace * tf.reduce_sum(tf.where(within, zeros, upstream))
            return tf.where(within, upstream, zeros), to_step, to_offset

        return (codes - zero_point) * step, backward

    return forward(inputs, step, offset)


def _clipped(inputs: Any, clip: Any, num_steps: float) -> Any:
    @tf.custom_gradient
    def forward(values: Any, clip: Any) -> Any:
        step = clip / num_steps

        def backward(upstream: Any) -> Any:
            zeros = tf.zeros_like(upstream)
            to_clip = tf.reduce_sum(tf.where(values >= clip, upstream, zeros))
            return tf.where((values >= 0) & (values < clip), upstream, zeros), to_clip

        return tf.round(tf.clip_by_value(values, 0.0, clip) / step) * step, backward

    return forward(inputs, clip)
