"""TensorFlow's functions, by the names under which tf_keras records them."""

from __future__ import annotations

from qat_kit.prepare.operations import activations, arithmetic, images, parts, products, reductions, reshaping
from qat_kit.prepare.operations.table import Form, form


def _same(symbols: str, entry: Form) -> dict[str, Form]:
    return dict.fromkeys(symbols.split(), entry)


_BINARY = {
    "add": "math.add __operators__.add add",
    "subtract": "math.subtract subtract",
    "multiply": "math.multiply multiply",
    "divide": "math.truediv math.divide divide",
    "maximum": "math.maximum maximum",
    "minimum": "math.minimum minimum",
}
_FUNCTIONS = {"math.abs": "abs", "math.exp": "exp", "math.log": "log", "math.sqrt": "sqrt", "math.rsqrt": "rsqrt"}
_REDUCTIONS = {"mean": "math.reduce_mean", "sum": "math.reduce_sum", "max": "math.reduce_max", "min": "math.reduce_min"}
_ACTIVATIONS = {
    **{"math.sigmoid": "sigmoid", "nn.sigmoid": "sigmoid", "math.tanh": "tanh", "nn.tanh": "tanh"},
    **{"nn.selu": "selu", "math.softplus": "softplus", "nn.softplus": "softplus", "nn.softsign": "softsign"},
}
# What a parameter is called in TensorFlow, where it is not the first one's plain `x`.
_ACTIVATION_INPUTS = dict.fromkeys(("nn.selu", "math.softplus", "nn.softplus", "nn.softsign"), "features")

TENSORFLOW: dict[str, Form] = {
    **{
        symbol: form(arithmetic.binary, {"operation": operation})
        for operation, symbols in _BINARY.items()
        for symbol in symbols.split()
    },
    **{symbol: form(arithmetic.elementwise, {"function": name}) for symbol, name in _FUNCTIONS.items()},
    **{symbol: form(reductions.reduce, {"function": name}, x="input_tensor") for name, symbol in _REDUCTIONS.items()},
    **{
        symbol: form(activations.activation, {"name": name}, x=_ACTIVATION_INPUTS.get(symbol, "x"))
        for symbol, name in _ACTIVATIONS.items()
    },
    "compat.v1.math.scalar_mul": form(arithmetic.binary, {"operation": "multiply"}, x="scalar", y="x"),
    "math.negative": form(arithmetic.negative),
    "math.square": form(arithmetic.square),
    "math.pow": form(arithmetic.power),
    "math.add_n": form(arithmetic.add_all),
    "math.squared_difference": form(arithmetic.squared_difference),
    "math.reduce_variance": form(reductions.variance, x="input_tensor"),
    "math.reduce_std": form(reductions.deviation, x="input_tensor"),
    "nn.moments": form(reductions.moments),
    **_same("math.l2_normalize nn.l2_normalize linalg.l2_normalize", form(reductions.unit_norm)),
    "nn.relu": form(activations.relu, {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}, x="features"),
    "nn.relu6": form(activations.relu, {"negative_slope": 0.0, "max_value": 6.0, "threshold": 0.0}, x="features"),
    "nn.leaky_relu": form(activations.leaky_relu, x="features"),
    "nn.elu": form(activations.elu, {"alpha": 1.0}, x="features"),
    "nn.gelu": form(activations.gelu, x="features"),
    **_same("nn.silu nn.swish", form(activations.silu, x="features")),
    "nn.softmax": form(activations.softmax, x="logits"),
    **_same("nn.log_softmax math.log_softmax", form(activations.log_softmax, x="logits")),
    "clip_by_value": form(activations.clip, x="t", minimum="clip_value_min", maximum="clip_value_max"),
    "reshape": form(reshaping.reshape, x="tensor"),
    "compat.v1.transpose": form(reshaping.transpose, x="a", axes="perm"),
    "transpose": form(reshaping.transpose, x="a", axes="perm"),
    "linalg.matrix_transpose": form(reshaping.transpose_matrices, x="a"),
    "expand_dims": form(reshaping.expand_dims, x="input"),
    **_same("compat.v1.squeeze squeeze", form(reshaping.squeeze, x="input")),
    **_same("identity stop_gradient", form(reshaping.identity, x="input")),
    "cast": form(reshaping.cast),
    "concat": form(reshaping.concat),
    "stack": form(reshaping.stack),
    "tile": form(reshaping.tile, x="input"),
    "repeat": form(reshaping.repeat, x="input"),
    "broadcast_to": form(reshaping.broadcast_to, x="input"),
    **_same("compat.v1.pad pad", form(reshaping.pad, x="tensor")),
    "reverse": form(reshaping.reverse, x="tensor"),
    "roll": form(reshaping.roll, x="input"),
    "nn.depth_to_space": form(reshaping.depth_space, {"function": "depth_to_space"}, x="input"),
    "nn.space_to_depth": form(reshaping.depth_space, {"function": "space_to_depth"}, x="input"),
    "__operators__.getitem": form(parts.get_item, x="tensor", key="slice_spec"),
    "slice": form(parts.begin_and_size, x="input_"),
    "split": form(parts.split, x="value"),
    "unstack": form(parts.unstack, x="value"),
    **_same("compat.v1.gather gather", form(parts.gather)),
    "linalg.matmul": form(products.matmul),
    "tensordot": form(products.tensordot),
    "einsum": form(products.einsum, inputs="*inputs"),
    "image.resize": form(images.resize, {"data_format": None}),
    "nn.avg_pool2d": form(images.pool, {"function": "average"}, x="input", size="ksize"),
    "nn.max_pool2d": form(images.pool, {"function": "max"}, x="input", size="ksize"),
    "compat.v1.nn.conv2d": form(images.convolution, x="input", kernel="filter"),
    "nn.bias_add": form(images.bias_add, x="value"),
}
