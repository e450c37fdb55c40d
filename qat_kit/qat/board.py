"""Figures of each epoch for TensorBoard: what training says, every range, every kernel's signal over its noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.simulation.walk import quantized_layers


class Board:
    """Writes event files to a folder: `figures/…`, `range_minimum/…`, `range_maximum/…`, `weight_sqnr_db/…`."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, epoch: int, figures: Mapping[str, float], model: tf_keras.Model) -> None:
        """Writes one epoch."""
        with self._writer.as_default(step=epoch):
            for name, value in figures.items():
                _scalar(f"figures/{name}", value)
            for layer in quantized_layers(model):
                config = layer.quantize_config
                if config.output_quantizer is not None:
                    params = config.output_quantizer.params(layer.output_range)
                    _scalar(f"range_minimum/{layer.name}", float(params.minimum))
                    _scalar(f"range_maximum/{layer.name}", float(params.maximum))
                if layer.kernel is not None:
                    _scalar(f"weight_sqnr_db/{layer.name}", weight_sqnr_db(layer))
        self._writer.flush()


def _scalar(tag: str, value: float) -> None:
    """What TensorBoard's own `scalar` writes, without its package: TensorFlow does not bring that along."""
    plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")
    tf.summary.write(tag, tf.constant(value, tf.float32), metadata=metadata)


def weight_sqnr_db(layer: tf_keras.layers.Layer) -> float:
    """The power of a wrapped layer's kernel over that of its quantization error, in dB; infinite without error."""
    kernel = layer.kernel.numpy().astype(np.float64)
    error = float(np.mean((kernel - layer.quantized_kernel().numpy()) ** 2))
    return float(10 * np.log10(np.mean(kernel**2) / error)) if error else float("inf")
