"""Operators that `qat_kit.kernels` computes within the training step: small tensors, or rare ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from qat_kit.kernels import Call, Operand, run
from qat_kit.simulation.integer.options import operator_options
from qat_kit.simulation.integer.site import Site

# Their optimised kernels cut a tensor into vectors from its first element on, so what a batch of one gives is asked.
_ONE_BY_ONE = ("ADD", "SUB", "MUL")
# LiteRT stops at values below 0; what training finds there is what it finds at 0.
_NOT_BELOW_ZERO = ("SQRT", "RSQRT")


def by_numpy(site: Site) -> Any:
    """The operator on the NumPy kernels, in a call out of TensorFlow's graph."""
    return site.through(lambda *tensors: steps_by_numpy(site, *tensors))


def steps_by_numpy(site: Site, *operands: Any) -> Any:
    """What the operator's output is in steps, float32, for real values on the inputs' grids."""
    shape = site.computed(*operands).shape
    codes = [tf.cast(grid.steps(x) + grid.zero_point, tf.int8) for grid, x in zip(site.inputs, operands, strict=True)]
    result = _steps(site, codes, shape)
    result.set_shape(shape)
    return result


def by_table(site: Site) -> Any:
    """An operator of one tensor that maps code to code: its 256 results, made anew each step, and looked up."""

    def integer(tensor: Any) -> Any:
        (grid,) = site.inputs
        codes = tf.reshape(tf.range(-128, 128, dtype=tf.int32), [1, 256])
        if site.layer.quantize_config.op in _NOT_BELOW_ZERO:
            codes = tf.maximum(codes, tf.cast(grid.zero_point, tf.int32))
        table = tf.reshape(_steps(site, [tf.cast(codes, tf.int8)], (None, 256)), [256])
        place = tf.cast(grid.steps(tensor) + (grid.zero_point + 128.0), tf.int32)
        # A dropout before it may have carried values beyond the codes.
        return tf.gather(table, tf.clip_by_value(place, 0, 255))

    return site.through(integer)


def _steps(site: Site, codes: list[Any], shape: Any) -> Any:
    """The output's steps, float32, for the inputs' codes."""
    kernel = _kernel(site, tuple(shape[1:]))
    grids = [*site.inputs, site.output]
    scales = tf.stack([grid.scale for grid in grids])
    zero_points = tf.stack([grid.zero_point for grid in grids])
    return tf.numpy_function(kernel, [scales, zero_points, *codes], tf.float32, stateful=False)


def _kernel(site: Site, shape: tuple[int, ...]) -> Callable[..., NDArray[np.float32]]:
    config = site.layer.quantize_config
    options, arguments = operator_options(site.layer)
    if site.taker is not None and site.taker.quantize_config.fused:
        options = {**options, "fused_activation_function": site.taker.quantize_config.op}
    constant = None if site.constant is None else site.constant.position

    def steps(scales: NDArray[np.float32], zero_points: NDArray[np.float32], *codes: NDArray[np.int8]) -> NDArray[Any]:
        def operand(position: int, codes: NDArray[np.int8] | None, shape: tuple[int, ...]) -> Operand:
            return Operand(
                type="INT8",
                shape=shape,
                codes=codes,
                scale=scales[position : position + 1],
                zero_point=np.array([zero_points[position]], np.int64),
                is_constant=position == constant,
            )

        def called(codes: list[NDArray[np.int8]], count: int) -> NDArray[Any]:
            inputs = [operand(position, array, array.shape) for position, array in enumerate(codes)]
            call = Call(
                op=config.op,
                inputs=(*inputs, *arguments),
                outputs=(operand(len(codes), None, (count, *shape)),),
                kernel_set=site.kernel_set,
                options=options,
            )
            return run(call)[0]

        count = next(len(array) for position, array in enumerate(codes) if position != constant)

        def sample(index: int) -> list[NDArray[np.int8]]:
            return [array if at == constant else array[index : index + 1] for at, array in enumerate(codes)]

        if config.op in _ONE_BY_ONE:
            result = np.concatenate([called(sample(index), 1) for index in range(count)])
        else:
            result = called(list(codes), count)
        return np.asarray(result.astype(np.float32) - zero_points[-1])

    return steps
