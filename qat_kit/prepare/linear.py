"""The layers that multiply by a kernel: batch norm folds into it, an activation follows it, it is quantized."""

from __future__ import annotations

import tf_keras

_layers = tf_keras.layers

# Layer → the dimensions of its kernel that run over output channels (two for a depthwise kernel).
OUTPUT_AXES: dict[type[tf_keras.layers.Layer], tuple[int, ...]] = {
    _layers.Conv1D: (2,),
    _layers.Conv2D: (3,),
    _layers.Conv3D: (4,),
    _layers.DepthwiseConv1D: (1, 2),
    _layers.DepthwiseConv2D: (2, 3),
    _layers.Conv1DTranspose: (1,),
    _layers.Conv2DTranspose: (2,),
    _layers.Dense: (1,),
}

# Layer → the dimension of its kernel that runs over input channels. Not a transposed convolution: at its border, not
# every output sees every weight, and so not every output would get the same offset.
INPUT_AXES: dict[type[tf_keras.layers.Layer], int] = {
    _layers.Conv1D: 1,
    _layers.Conv2D: 2,
    _layers.Conv3D: 3,
    _layers.DepthwiseConv1D: 1,
    _layers.DepthwiseConv2D: 2,
    _layers.Dense: 0,
}
