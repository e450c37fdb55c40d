"""What happens to pictures in training alone: identity in the file."""

from __future__ import annotations

from typing import Any

from tf_keras import layers


def mirrored_and_moved(image: Any, *, fraction: float = 0.125) -> Any:
    """Half the pictures mirrored, each moved by up to `fraction` of its sides, with black behind."""
    image = layers.RandomFlip("horizontal", name="mirror")(image)
    return layers.RandomTranslation(fraction, fraction, fill_mode="constant", name="move")(image)
