"""What happens to pictures in training alone: identity in the file."""

from __future__ import annotations

from typing import Any

from tf_keras import layers


def mirrored_and_moved(image: Any, *, fraction: float = 0.125) -> Any:
    """Half the pictures mirrored, each moved by up to `fraction` of its sides, with black behind.

    Moved by whole pixels: in between, neighbours are mixed, and a net that never saw a sharp picture is worse on those.

    >>> import numpy as np, tf_keras
    >>> image = tf_keras.Input((8, 8, 1))
    >>> model = tf_keras.Model(image, mirrored_and_moved(image))
    >>> picture = np.arange(1.0, 65.0, dtype=np.float32).reshape(1, 8, 8, 1)
    >>> all({*np.unique(model(picture, training=True))} <= {0.0, *range(1, 65)} for _ in range(9))
    True
    """
    image = layers.RandomFlip("horizontal", name="mirror")(image)
    move = layers.RandomTranslation(fraction, fraction, fill_mode="constant", interpolation="nearest", name="move")
    return move(image)
