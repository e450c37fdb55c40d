"""A quantizer to be placed by hand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import ArrayLike

from qat_kit.errors import SettingsError
from qat_kit.layers.package import PACKAGE

RangeSource = Literal["calibrated", "learned", "fixed"]


@tf_keras.utils.register_keras_serializable(PACKAGE)
class FakeQuantize(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x on a grid of 2^num_bits steps over one range; the gradient passes within the range.

        ŷ = scale · (clip(round(y / scale) + zero_point) − zero_point)

    range_source: `calibrated`: values pass as they are until `adapt` has seen data (in a simulated model, calibration
    measures the range anew); `learned`: as calibrated, then trained with the weights; `fixed`: minimum and maximum, for
    good. num_bits: 8, or 16, whose range is symmetric.

    In quantization-aware training the layer says how the tensor that it stands behind gets its range; that tensor has
    one quantizer in the file, with or without this layer. Where the operator takes in a ReLU that follows, as the
    converter has it, that tensor is the one behind the ReLU. Through TensorFlow's own converter the layer is one
    FakeQuant operator.

    Raises SettingsError where `fixed` has no range with zero within, or the other two are given one.

    Source: Jacob et al. 2018, arXiv:1712.05877, section 3; for learned ranges Jain et al. 2019, arXiv:1903.08066.

    >>> layer = FakeQuantize(range_source="fixed", minimum=0.0, maximum=255.0)
    >>> layer(tf.constant([[-3.0, 1.4, 300.0]])).numpy().tolist()
    [[0.0, 1.0, 255.0]]
    """

    def __init__(
        self,
        *,
        range_source: RangeSource = "calibrated",
        minimum: float | None = None,
        maximum: float | None = None,
        num_bits: Literal[8, 16] = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = (minimum, maximum)
        if range_source not in ("calibrated", "learned", "fixed") or num_bits not in (8, 16):
            raise SettingsError(
                f"layer {self.name!r}: range_source is 'calibrated', 'learned' or 'fixed' and num_bits 8 or 16; "
                f"received {range_source!r} and {num_bits}"
            )
        if range_source != "fixed" and given != (None, None):
            raise SettingsError(f"layer {self.name!r}: a {range_source} range takes no minimum and maximum")
        if range_source == "fixed" and (minimum is None or maximum is None or not minimum <= 0 <= maximum != minimum):
            raise SettingsError(
                f"layer {self.name!r}: a fixed range needs minimum ≤ 0 ≤ maximum, and not both 0; received {given}"
            )
        self.range_source, self.num_bits = range_source, num_bits
        self.minimum, self.maximum = minimum, maximum

    def build(self, input_shape: Any) -> None:
        """Two scalars, both 0 where there is no range yet; none where it is fixed."""
        super().build(input_shape)
        learned = self.range_source == "learned"
        self.ends = [
            self.add_weight(name=name, shape=(), dtype="float32", initializer="zeros", trainable=learned)
            for name in (() if self.range_source == "fixed" else ("range_minimum", "range_maximum"))
        ]

    def adapt(self, values: ArrayLike) -> None:
        """Sets a calibrated or learned range to the smallest and largest of some values, and zero.

        Raises SettingsError for a fixed range.
        """
        if self.range_source == "fixed":
            raise SettingsError(f"layer {self.name!r} has a fixed range: it does not adapt to data")
        array = np.asarray(values, np.float32)
        if not self.built:
            self.build(array.shape)
        low, high = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
        self.ends[0].assign(-max(-low, high) if self.num_bits == 16 else low)
        self.ends[1].assign(max(-low, high) if self.num_bits == 16 else high)

    def call(self, inputs: Any) -> Any:
        """The tensor on its grid; as it is while there is no range."""
        fixed = self.range_source == "fixed"
        minimum, maximum = (tf.convert_to_tensor(end) for end in ((self.minimum, self.maximum) if fixed else self.ends))

        def quantized() -> Any:
            values = tf.quantization.fake_quant_with_min_max_vars(
                tf.cast(inputs, tf.float32),
                minimum,
                maximum,
                num_bits=self.num_bits,
                narrow_range=self.num_bits == 16,
            )
            return tf.cast(values, inputs.dtype)

        if fixed:
            return quantized()
        return tf.cond(tf.equal(minimum, maximum), lambda: tf.identity(inputs), quantized)

    def before_quantizer(self, inputs: Any) -> Any:
        """What a quantizer is given that stands in this layer's place: the values as they are."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "range_source": self.range_source,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "num_bits": self.num_bits,
        }
