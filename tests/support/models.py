"""Small Keras models, one pattern of layers each, with weights and batch-norm statistics that are not the defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tf_keras
from tf_keras import layers

Build = Callable[[Any], Any]

# Every table of an embedding here has as many rows, or more.
NUM_INDICES = 10

IMAGE, SEQUENCE, VECTOR = (8, 8, 4), (12, 4), (6,)


def model_of(build: Build, shape: tuple[int, ...] = IMAGE, *, seed: int = 0) -> tf_keras.Model:
    """A Functional model of one input, `image`, with random weights."""
    image = tf_keras.Input(shape, name="image")
    return randomized(tf_keras.Model(image, build(image), name="pattern"), seed=seed)


def randomized(model: tf_keras.Model, *, seed: int = 0) -> tf_keras.Model:
    """The model with weights drawn from `seed`: biases that are not zero, and statistics that are not 0 and 1."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        name = weight.name.rpartition("/")[2].partition(":")[0]
        if not name.startswith("range_"):
            weight.assign(_values(name, weight.shape, random))
    return model


def _values(name: str, shape: Any, random: np.random.Generator) -> np.ndarray:
    match name:
        case "gamma":
            return random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0, 1.0], shape)
        case "moving_variance":
            return random.uniform(0.3, 2.0, shape)
        case "alpha":
            return random.uniform(0.05, 0.4, shape)
        case "bias" | "beta" | "moving_mean":
            return random.normal(0.0, 0.3, shape)
    fan_in = max(1, int(np.prod(shape[:-1])))
    return random.normal(0.0, 1.0 / np.sqrt(fan_in), shape)


def samples(model: tf_keras.Model, count: int, *, seed: int = 1) -> list[np.ndarray]:
    """`count` random samples for each input, in the model's order."""
    random = np.random.default_rng(seed)

    def values(tensor: Any) -> np.ndarray:
        shape = (count, *tensor.shape[1:])
        if tensor.dtype.is_floating:
            return random.normal(0.0, 1.0, shape).astype(np.float32)
        return random.integers(0, NUM_INDICES, shape).astype(tensor.dtype.as_numpy_dtype)

    return [values(tensor) for tensor in model.inputs]


def conv(filters: int = 8, size: int = 3, *, name: str | None = None, **arguments: Any) -> layers.Layer:
    return layers.Conv2D(filters, size, padding="same", name=name, **arguments)


def chain(*parts: layers.Layer) -> Build:
    """Layers one behind the other."""

    def build(value: Any) -> Any:
        for part in parts:
            value = part(value)
        return value

    return build


def squeeze_and_excite(image: Any) -> Any:
    value = conv(name="features")(image)
    weights = layers.GlobalAveragePooling2D(keepdims=True)(value)
    weights = conv(2, 1, activation="relu", name="squeeze")(weights)
    weights = conv(8, 1, activation="sigmoid", name="excite")(weights)
    return layers.Multiply(name="scale")([value, weights])


def residual(image: Any) -> Any:
    value = conv(4, name="first")(image)
    value = layers.BatchNormalization()(value)
    value = layers.ReLU()(value)
    value = conv(4, name="second")(value)
    value = layers.BatchNormalization()(value)
    return layers.ReLU()(layers.Add(name="sum")([image, value]))


def preactivated(image: Any) -> Any:
    value = layers.Add(name="sum")([image, conv(4, name="first")(image)])
    inner = layers.BatchNormalization(name="norm")(value)
    inner = layers.ReLU(name="relu")(inner)
    return layers.Add(name="sum2")([value, conv(4, name="second")(inner)])


def shared_twice(image: Any) -> Any:
    """One convolution at two places, of different ranges."""
    shared = conv(4, name="shared")
    first = shared(image)
    return layers.Add(name="sum")([first, layers.ReLU(name="relu")(shared(first))])


def siamese() -> tf_keras.Model:
    """Two images through one encoder."""
    encoder = tf_keras.Sequential(
        [
            tf_keras.Input(IMAGE),
            conv(6, name="features"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalMaxPooling2D(),
            layers.Dense(5, name="embedding"),
        ],
        name="encoder",
    )
    left, right = tf_keras.Input(IMAGE, name="left"), tf_keras.Input(IMAGE, name="right")
    output = layers.Subtract(name="difference")([encoder(left), encoder(right)])
    return randomized(tf_keras.Model([left, right], output, name="pattern"))


def unet(image: Any) -> Any:
    down = conv(6, activation="relu", name="down")(image)
    deep = layers.MaxPooling2D()(down)
    deep = conv(8, activation="relu", name="deep")(deep)
    up = layers.Conv2DTranspose(6, 2, strides=2, padding="same", activation="relu", name="up")(deep)
    joined = layers.Concatenate(name="join")([up, down])
    return conv(2, 1, name="mask")(joined)


def densenet(image: Any) -> Any:
    first = conv(4, activation="relu", name="first")(image)
    second = conv(4, activation="relu", name="second")(layers.Concatenate(name="join1")([image, first]))
    third = layers.Concatenate(name="join2")([image, first, second])
    third = layers.BatchNormalization(name="norm")(third)
    third = conv(4, 1, name="transition")(layers.ReLU(name="relu")(third))
    return layers.AveragePooling2D(name="pool")(third)


def branches(image: Any) -> Any:
    pooled = layers.AveragePooling2D(3, strides=1, padding="same", name="pool")(image)
    return layers.Concatenate(name="join")(
        [
            conv(3, 1, activation="relu", name="narrow")(image),
            conv(3, 3, activation="relu", name="wide")(image),
            conv(2, 1, name="after_pool")(pooled),
            layers.MaxPooling2D(3, strides=1, padding="same", name="max_pool")(image),
        ]
    )


def nested(image: Any) -> Any:
    part = tf_keras.Sequential(
        [tf_keras.Input((8, 8, 6)), conv(6, name="conv"), layers.BatchNormalization(), layers.ReLU()], name="part"
    )
    return part(conv(6, name="conv")(image))


def two_inputs() -> tf_keras.Model:
    image, other = tf_keras.Input(IMAGE, name="image"), tf_keras.Input(IMAGE, name="other")
    output = layers.Subtract(name="difference")([conv(4, name="left")(image), conv(4, name="right")(other)])
    return randomized(tf_keras.Model([image, other], output, name="pattern"))


def two_outputs() -> tf_keras.Model:
    image = tf_keras.Input(IMAGE, name="image")
    shared = conv(6, activation="relu", name="shared")(image)
    outputs = [conv(2, 1, name="mask")(shared), layers.Dense(3, name="logits")(layers.GlobalMaxPooling2D()(shared))]
    return randomized(tf_keras.Model(image, outputs, name="pattern"))


def returned_and_consumed() -> tf_keras.Model:
    image = tf_keras.Input(IMAGE, name="image")
    middle = conv(4, name="middle")(image)
    return randomized(tf_keras.Model(image, [middle, layers.ReLU(name="relu")(middle)], name="pattern"))


def two_consumers(image: Any) -> Any:
    value = conv(4, name="shared")(image)
    return layers.Add(name="sum")([layers.ReLU(name="relu")(value), layers.LeakyReLU(0.2, name="leaky")(value)])


def pooled_and_joined(image: Any) -> Any:
    """A tensor that a concatenation takes and that has another consumer too."""
    value = conv(4, activation="relu", name="first")(image)
    joined = layers.Concatenate(name="join")([value, conv(4, name="second")(value)])
    return layers.Add(name="sum")([conv(4, name="third")(joined), value])


def weak_channels(kind: str) -> Callable[[], tf_keras.Model]:
    """A linear layer with a dead output channel, and channels too weak for the converter's ranges or nearly so."""

    def make() -> tf_keras.Model:
        layer = {
            "conv": lambda: conv(8, name="weak"),
            "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, name="weak"),
            "transposed": lambda: layers.Conv2DTranspose(8, 3, strides=2, padding="same", name="weak"),
            "dense": lambda: layers.Dense(8, name="weak"),
        }[kind]()
        model = model_of(chain(layer, layers.ReLU()), VECTOR if kind == "dense" else IMAGE)
        kernel, bias = layer.get_weights()
        # A factor for each output channel, in the shape of the kernel's last two axes where channels are there.
        factors = np.array([1.0, 0.0, 1e-7, 1e-6, 1e-5, 1e-12, 1e-30, 1.0])
        factors = {"depthwise": factors.reshape(4, 2), "transposed": factors.reshape(8, 1)}.get(kind, factors)
        layer.set_weights([kernel * factors, bias])
        return model

    return make


def _functional(build: Build, shape: tuple[int, ...] = IMAGE) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(build, shape)


def _chain(make: Callable[[], list[layers.Layer]], shape: tuple[int, ...] = IMAGE) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(chain(*make()), shape)


L = layers

# name → a function that makes the model.
PATTERNS: dict[str, Callable[[], tf_keras.Model]] = {
    "conv_linear": _chain(lambda: [conv()]),
    "conv_relu": _chain(lambda: [conv(), L.ReLU()]),
    "conv_relu_argument": _chain(lambda: [conv(activation="relu")]),
    "conv_bn": _chain(lambda: [conv(use_bias=False), L.BatchNormalization()]),
    "conv_bn_relu6": _chain(lambda: [conv(), L.BatchNormalization(), L.ReLU(6.0)]),
    "conv_strides": _chain(lambda: [L.Conv2D(8, 3, strides=2, activation="relu")]),
    "conv_strides_same": _chain(lambda: [conv(strides=(2, 1), activation="relu")]),
    "conv_dilation": _chain(lambda: [L.Conv2D(8, 3, dilation_rate=2, activation="relu")]),
    "conv_dilation_same": _chain(lambda: [conv(dilation_rate=(2, 2)), L.BatchNormalization(), L.ReLU()]),
    "conv_groups": _chain(lambda: [conv(groups=2, activation="relu")]),
    "conv_swish": _chain(lambda: [conv(activation="swish")]),
    "rescaling": _chain(lambda: [L.Rescaling(1 / 4, offset=0.5), L.Conv2D(8, 3), L.BatchNormalization(), L.ReLU()]),
    "rescaling_same": _chain(lambda: [L.Rescaling([0.2, 0.5, 2.0, 1.0], offset=-1.0), conv(activation="relu")]),
    "normalization": _chain(
        lambda: [L.Normalization(mean=[0.1, -0.3, 0.0, 0.2], variance=[0.5, 2.0, 1.0, 0.1]), L.Conv2D(8, 3)]
    ),
    "conv_leaky": _chain(lambda: [conv(), L.LeakyReLU(0.1)]),
    "conv_relu_slope": _chain(lambda: [conv(), L.ReLU(negative_slope=0.2)]),
    "conv_prelu": _chain(lambda: [conv(), L.PReLU(shared_axes=[1, 2])]),
    "conv_gelu": _chain(lambda: [conv(activation="gelu")]),
    "conv_sigmoid": _chain(lambda: [conv(activation="sigmoid")]),
    "conv_tanh": _chain(lambda: [conv(activation="tanh")]),
    "conv_softmax": _chain(lambda: [conv(activation="softmax")]),
    "sigmoid_pool_conv": _chain(lambda: [conv(activation="sigmoid"), L.MaxPooling2D(), conv(2)]),
    "depthwise": _chain(lambda: [L.DepthwiseConv2D(3, padding="same", activation="relu")]),
    "depthwise_multiplier": _chain(lambda: [L.DepthwiseConv2D(3, depth_multiplier=3), L.BatchNormalization()]),
    "depthwise_strides": _chain(lambda: [L.DepthwiseConv2D(3, strides=2, padding="same"), L.ReLU(6.0)]),
    "depthwise_dilation": _chain(lambda: [L.DepthwiseConv2D(3, dilation_rate=2, padding="same"), L.ReLU()]),
    "depthwise_multiplier_dilation": _chain(lambda: [L.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=2)]),
    "separable": _chain(lambda: [L.SeparableConv2D(6, 3, depth_multiplier=2), L.BatchNormalization(), L.ReLU()]),
    "transposed_relu": _chain(lambda: [L.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu")]),
    "transposed_valid": _chain(lambda: [L.Conv2DTranspose(5, 3, strides=2)]),
    "transposed_bn_relu": _chain(
        lambda: [L.Conv2DTranspose(5, 2, strides=2, use_bias=False), L.BatchNormalization(), L.ReLU()]
    ),
    "transposed_no_bias": _chain(lambda: [L.Conv2DTranspose(5, 3, strides=(2, 1), use_bias=False), L.ReLU()]),
    "transposed_leaky": _chain(lambda: [L.Conv2DTranspose(5, 3, padding="same"), L.LeakyReLU()]),
    "dense_relu": _chain(lambda: [L.Dense(8, activation="relu"), L.Dense(3)], VECTOR),
    "dense_bn_relu": _chain(lambda: [L.Dense(8), L.BatchNormalization(), L.ReLU(), L.Dense(3)], VECTOR),
    "dense_softmax": _chain(lambda: [L.Dense(5, activation="softmax")], VECTOR),
    "dense_no_bias": _chain(lambda: [L.Dense(5, use_bias=False)], VECTOR),
    "dense_on_sequence": _chain(lambda: [L.Dense(5, activation="relu"), L.Dense(3)], SEQUENCE),
    "dense_on_image": _chain(lambda: [L.Dense(5), L.BatchNormalization(), L.ReLU()]),
    "conv1d": _chain(lambda: [L.Conv1D(6, 3, strides=2), L.BatchNormalization(), L.ReLU()], SEQUENCE),
    "conv1d_dilation": _chain(lambda: [L.Conv1D(6, 3, dilation_rate=2, activation="relu")], SEQUENCE),
    "conv1d_causal": _chain(lambda: [L.Conv1D(6, 3, padding="causal", activation="relu")], SEQUENCE),
    "conv1d_causal_dilation": _chain(
        lambda: [L.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu")], SEQUENCE
    ),
    "depthwise1d": _chain(lambda: [L.DepthwiseConv1D(3, depth_multiplier=2, activation="relu")], SEQUENCE),
    "separable1d": _chain(lambda: [L.SeparableConv1D(6, 3, padding="same"), L.ReLU()], SEQUENCE),
    "max_pool1d": _chain(lambda: [L.Conv1D(6, 3), L.MaxPooling1D()], SEQUENCE),
    "average_pool1d": _chain(lambda: [L.Conv1D(6, 3), L.AveragePooling1D()], SEQUENCE),
    "global_pools1d": _functional(
        lambda x: L.Concatenate()([L.GlobalMaxPooling1D()(x), L.Flatten()(x)]),
        SEQUENCE,
    ),
    "global_average1d": _chain(lambda: [L.Conv1D(6, 3), L.GlobalAveragePooling1D()], SEQUENCE),
    "pad1d_crop1d": _chain(lambda: [L.ZeroPadding1D(2), L.Conv1D(6, 3), L.Cropping1D((1, 2))], SEQUENCE),
    "max_pool": _chain(lambda: [conv(), L.MaxPooling2D()]),
    "max_pool_of_input": _chain(lambda: [L.MaxPooling2D(), conv()]),
    "average_pool": _chain(lambda: [conv(), L.AveragePooling2D()]),
    "average_pool_same": _chain(lambda: [conv(), L.AveragePooling2D(3, strides=2, padding="same")]),
    "pool_relu": _chain(lambda: [conv(), L.MaxPooling2D(), L.ReLU()]),
    "average_pool_relu": _chain(lambda: [conv(), L.AveragePooling2D(), L.ReLU(), conv(2)]),
    "pool_chain": _chain(lambda: [conv(), L.MaxPooling2D(), L.AveragePooling2D(), L.Flatten()]),
    "global_average": _chain(lambda: [conv(), L.ReLU(), L.GlobalAveragePooling2D(), L.Dense(3)]),
    "global_max": _chain(lambda: [conv(), L.GlobalMaxPooling2D(keepdims=True), conv(2, 1)]),
    "global_average_relu": _chain(lambda: [conv(), L.GlobalAveragePooling2D(), L.ReLU()]),
    "pad_conv": _chain(lambda: [L.ZeroPadding2D(((1, 2), (0, 1))), L.Conv2D(6, 3, activation="relu")]),
    "conv_pad": _chain(lambda: [conv(), L.ZeroPadding2D(1)]),
    "crop": _chain(lambda: [conv(), L.Cropping2D(((1, 0), (2, 1)))]),
    "upsample_nearest": _chain(lambda: [conv(), L.UpSampling2D(2)]),
    "upsample_bilinear": _chain(lambda: [conv(), L.UpSampling2D(2, interpolation="bilinear"), conv(2)]),
    "permute": _chain(lambda: [conv(), L.Permute((2, 3, 1)), conv(3)]),
    "reshape": _chain(lambda: [conv(), L.Reshape((64, 8)), L.Conv1D(3, 3)]),
    "flatten_relu_dense": _chain(lambda: [conv(), L.Flatten(), L.ReLU(), L.Dense(3)]),
    "reshape_of_input": _chain(lambda: [L.Reshape((16, 16, 1)), conv(4)]),
    "dropout": _chain(lambda: [conv(), L.Dropout(0.5), L.ReLU(), L.GaussianNoise(0.1), L.Flatten(), L.Dense(3)]),
    "augmented": _chain(lambda: [L.RandomFlip(), L.RandomZoom(0.2), conv(activation="relu"), L.RandomBrightness(0.1)]),
    "relu_of_input": _chain(lambda: [L.ReLU(), conv(2)]),
    "relu6_of_relu": _chain(lambda: [conv(), L.ReLU(), L.ReLU(6.0)]),
    "lone_bn": _chain(lambda: [L.BatchNormalization(), conv(2)]),
    "conv_relu_bn": _chain(lambda: [conv(activation="relu"), L.BatchNormalization(), conv(2)]),
    "add_relu": _functional(residual),
    "add_of_three": _functional(lambda x: L.Add()([x, conv(4)(x), conv(4, 1)(x)])),
    "add_to_itself": _functional(lambda x: L.Add()([x, x])),
    "add_broadcast": _functional(lambda x: L.Add()([x, conv(4)(L.GlobalAveragePooling2D(keepdims=True)(x))])),
    "subtract": _functional(lambda x: L.Subtract()([conv(4)(x), x])),
    "multiply": _functional(lambda x: L.Multiply()([conv(4)(x), x])),
    "multiply_relu": _functional(lambda x: L.ReLU()(L.Multiply()([conv(4)(x), x]))),
    "maximum": _functional(lambda x: L.Maximum()([conv(4)(x), conv(4)(x)])),
    "maximum_relu": _functional(lambda x: L.ReLU()(L.Maximum()([conv(4)(x), x]))),
    "minimum": _functional(lambda x: L.Minimum()([conv(4)(x), x, conv(4)(x)])),
    "concat": _functional(lambda x: L.Concatenate()([conv(4)(x), conv(6)(x)])),
    "concat_relu": _functional(lambda x: L.ReLU()(L.Concatenate()([conv(4)(x), x]))),
    "concat_twice": _functional(lambda x: L.Concatenate()([x, x])),
    "concat_of_sigmoids": _functional(
        lambda x: L.Concatenate()([conv(2, activation="sigmoid")(x), conv(3, activation="softmax")(x)])
    ),
    "concat_axis_1": _functional(lambda x: L.Concatenate(axis=1)([conv(4)(x), x])),
    "pooled_and_joined": _functional(pooled_and_joined),
    "two_consumers": _functional(two_consumers),
    "returned_and_consumed": returned_and_consumed,
    "squeeze_and_excite": _functional(squeeze_and_excite),
    "preactivated": _functional(preactivated),
    "branches": _functional(branches),
    "unet": _functional(unet),
    "densenet": _functional(densenet),
    **{f"{kind}_weak_channels": weak_channels(kind) for kind in ("conv", "depthwise", "transposed", "dense")},
    "nested": _functional(nested),
    "shared_twice": _functional(shared_twice),
    "siamese": siamese,
    "two_inputs": two_inputs,
    "two_outputs": two_outputs,
}


def outputs_of(model: tf_keras.Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """All outputs in inference mode."""
    outputs = model(inputs[0] if len(inputs) == 1 else inputs, training=False)
    return [np.asarray(output) for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def largest_difference(first: tf_keras.Model, second: tf_keras.Model, *, seed: int = 11) -> float:
    """The largest difference between the outputs of two models, as a share of the first one's largest output."""
    inputs = samples(first, 8, seed=seed)
    pairs = zip(outputs_of(first, inputs), outputs_of(second, inputs), strict=True)
    return max(float(np.max(np.abs(before - after)) / np.max(np.abs(before))) for before, after in pairs)
