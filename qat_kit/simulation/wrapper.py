"""A Keras layer whose kernel and output are fake-quantized: tfmot's wrapper with a `call` of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.simulation.integer.edges import Edges
from qat_kit.simulation.integer.forward import integer_forward
from qat_kit.simulation.integer.noise import NoiseSource
from qat_kit.simulation.quantizers import ActivationQuantizer, WeightQuantizer
from qat_kit.simulation.tfmot import QuantizeConfig, QuantizeWrapperV2
from qat_kit.vocabulary import KernelSet

_PACKAGE = "qat_kit"


@tf_keras.utils.register_keras_serializable(_PACKAGE)
class LayerQuantizeConfig(QuantizeConfig):  # type: ignore[misc]  # tfmot publishes no types
    """What is quantized of one layer.

    op: the LiteRT operator that it becomes. kernel: the attribute that holds the kernel, weight_quantizer: what puts it
    on its grid; both None where there is none. output_quantizer: stands behind the layer; None: nothing does. group:
    layers of one group have one range. fixed: the (scale, zero point) that the specification prescribes, None where
    data decides. fused: an activation that the operator before takes in. kernel_set: whose integers the forward pass
    computes; None for the fake simulation in real numbers. until_folded: real numbers all the same, while the model
    still trains a batch norm. rounding_noise: the share of the codes that training moves by a step, where integers are
    computed.
    """

    def __init__(
        self,
        *,
        op: str,
        kernel: str | None,
        weight_quantizer: WeightQuantizer | None,
        output_quantizer: ActivationQuantizer | None,
        group: str,
        fixed: tuple[float, int] | None = None,
        fused: bool = False,
        kernel_set: KernelSet | None = None,
        until_folded: bool = False,
        rounding_noise: float = 0.0,
    ) -> None:
        self.op = op
        self.kernel = kernel
        self.weight_quantizer = weight_quantizer
        self.output_quantizer = output_quantizer
        self.group = group
        self.fixed = None if fixed is None else (float(fixed[0]), int(fixed[1]))
        self.fused = fused
        self.kernel_set = kernel_set
        self.until_folded = until_folded
        self.rounding_noise = float(rounding_noise)

    @property
    def computes_integers(self) -> bool:
        """Whether the forward pass is that of the device."""
        return self.kernel_set is not None and not self.until_folded

    @property
    def quantizes_output(self) -> bool:
        """Whether a quantizer stands behind the layer."""
        return self.output_quantizer is not None

    def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
        return [(getattr(layer, self.kernel), self.weight_quantizer)] if self.kernel else []

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
        """None: after `prepare`, an activation is a layer of its own."""
        del layer
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: Any) -> None:
        """Never called: `QuantizedLayer` puts the kernel back after each call."""
        raise NotImplementedError

    def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
        """Never called: there are none."""
        raise NotImplementedError

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        del layer
        return [self.output_quantizer] if self.output_quantizer else []

    def get_config(self) -> dict[str, Any]:
        serialize = tf_keras.utils.serialize_keras_object
        return {
            "op": self.op,
            "kernel": self.kernel,
            "weight_quantizer": self.weight_quantizer and serialize(self.weight_quantizer),
            "output_quantizer": self.output_quantizer and serialize(self.output_quantizer),
            "group": self.group,
            "fixed": None if self.fixed is None else list(self.fixed),
            "fused": self.fused,
            "kernel_set": self.kernel_set,
            "until_folded": self.until_folded,
            "rounding_noise": self.rounding_noise,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LayerQuantizeConfig:
        quantizers = {
            key: config[key] and tf_keras.utils.deserialize_keras_object(config[key])
            for key in ("weight_quantizer", "output_quantizer")
        }
        return cls(**{**config, **quantizers})


@tf_keras.utils.register_keras_serializable(_PACKAGE)
class QuantizedLayer(QuantizeWrapperV2):  # type: ignore[misc]  # tfmot publishes no types
    """A layer in its quantizers. It has the name of the layer that it wraps.

    tfmot's own `call` replaces the kernel variable by a tensor for good, which takes it from the layer's weights and
    breaks saving; here the kernel is lent for one call.
    """

    def __init__(self, layer: Any, quantize_config: LayerQuantizeConfig, **kwargs: Any) -> None:
        super().__init__(layer, quantize_config, **{"name": layer.name, **kwargs})
        self.edges = Edges()
        if quantize_config.rounding_noise and quantize_config.computes_integers:
            # Named as random layers of Keras name theirs, by which training finds it.
            self._random_generator = NoiseSource()

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """As any layer; while Keras draws a model, the neighbours are noted, and which call of the layer this is."""
        with self.edges.noted(self, inputs) as place:
            if place and self.quantize_config.computes_integers:
                kwargs.setdefault("place", place)
            return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Builds the layer and the variables of its quantizers."""
        tf_keras.layers.Wrapper.build(self, input_shape)
        config = self.quantize_config
        self.kernel_range = (
            config.weight_quantizer.build(self.kernel.shape, "kernel", self) if config.weight_quantizer else {}
        )
        self.output_range = config.output_quantizer.build(None, "output", self) if config.output_quantizer else {}

    def call(self, inputs: Any, training: Any = None, place: int = 0) -> Any:
        """The layer with its kernel and its output on their grids; or what the device computes there.

        place: which of its calls in a model this is, for a layer with several.
        """
        if self.quantize_config.computes_integers and not self.edges.is_drawing:
            return integer_forward(self, inputs, training=training, place=place)
        return self.quantize_output(self.compute(inputs, training=training, quantized=True))

    def compute(self, inputs: Any, *, training: Any = None, kernel: Any = None, quantized: bool = False) -> Any:
        """The layer's output before its quantizer; kernel: to be used as it is, in place of the quantized one.

        quantized: whether the quantizer follows, so that a layer may leave to it what it does anyway.
        """
        if quantized and hasattr(self.layer, "before_quantizer"):
            return self.layer.before_quantizer(inputs)
        arguments = {"training": training} if self.layer._expects_training_arg else {}
        with self._lent(self.quantized_kernel() if kernel is None else kernel, for_export=kernel is not None):
            return self.layer.call(inputs, **arguments)

    def observed(self, outputs: Any) -> Any:
        """What of the layer's output its range must hold: all, but for what a mask hides."""
        return self.layer.observed(outputs) if hasattr(self.layer, "observed") else outputs

    def quantized_kernel(self) -> Any:
        """The layer's kernel on its grid; None where it has none."""
        quantizer = self.quantize_config.weight_quantizer
        return quantizer(self.kernel, None, self.kernel_range) if quantizer else None

    @property
    def kernel(self) -> Any:
        """The variable of the layer's kernel; None where it has none."""
        attribute = self.quantize_config.kernel
        return getattr(self.layer, attribute) if attribute else None

    def quantize_output(self, outputs: Any) -> Any:
        """The layer's output on its grid; as it is where the layer has no quantizer."""
        quantizer = self.quantize_config.output_quantizer
        return quantizer(outputs, None, self.output_range) if quantizer else outputs

    def export_output(self, outputs: Any) -> Any:
        """As `quantize_output`, by the operator that the converter reads."""
        quantizer = self.quantize_config.output_quantizer
        return quantizer.export(outputs, self.output_range) if quantizer else outputs

    @contextmanager
    def _lent(self, kernel: Any, *, for_export: bool) -> Iterator[None]:
        """Lends the layer a kernel, past Keras' attribute tracking: its weights stay what they are."""
        attribute = self.quantize_config.kernel
        if for_export and type(self.layer) is tf_keras.layers.Conv2D:
            with self._one_operator(), self._lent(kernel, for_export=False):
                yield
            return
        if attribute is None:
            yield
            return
        own = self.layer.__dict__[attribute]
        self.layer.__dict__[attribute] = kernel
        try:
            yield
        finally:
            self.layer.__dict__[attribute] = own

    @contextmanager
    def _one_operator(self) -> Iterator[None]:
        """Lets a Conv2D compute as one operator of TensorFlow, whatever its dilation.

        Keras' way round a dilation is SPACE_TO_BATCH_ND; where two convolutions read the same one, the converter does
        not see the dilations and leaves both float.
        """
        layer = self.layer
        layer.__dict__["convolution_op"] = lambda inputs, kernel: tf.nn.conv2d(
            inputs, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate
        )
        try:
            yield
        finally:
            del layer.__dict__["convolution_op"]

    @property
    def trainable_weights(self) -> list[Any]:
        return [*self.layer.trainable_weights, *(self._trainable_weights if self.trainable else [])]

    @property
    def non_trainable_weights(self) -> list[Any]:
        frozen = [] if self.trainable else self._trainable_weights
        return [*self.layer.non_trainable_weights, *frozen, *self._non_trainable_weights]
