"""Whether two pictures show the same thing, of things never seen in training: an embedding net, judged by its EER.

It is made as for faces (enrol, verify, identify: `qat_kit.measure.gallery`), and shows digits and clothes, since no set
of faces is free to use: three digits and three clothes are left for the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qat_kit.datasets import Split, load_alike
from qat_kit.recipe import Count, Recipe, Settings, loss_named

if TYPE_CHECKING:
    import tf_keras


class VerificationSettings(Settings):
    """The defaults of this recipe. units: of the embedding. Batches hold several of each thing."""

    epochs: int = 3
    qat_epochs: int = 1
    batch_size: int = 128
    units: Count = 64


def build_model(settings: VerificationSettings) -> tf_keras.Model:
    from qat_kit.nets import embedding_net

    return embedding_net(input_shape=(28, 28, 1), units=settings.units)


def answers(outputs: Mapping[str, Any], split: Split) -> tuple[Any, Any]:
    """How alike every two samples are, and whether they are of one class."""
    from qat_kit.measure.gallery import pairs

    return pairs(next(iter(outputs.values())), split.labels)


recipe = Recipe(
    name="verification",
    summary="Same thing or not, embedding net; no faces, but unseen digits and clothes",
    data="MNIST and Fashion-MNIST, 14 of 20 classes",
    task="verification",
    figure="equal_error_rate",
    scores="values",
    loss=loss_named("contrastive"),
    answers=answers,
    load_data=lambda settings: load_alike(),
    build_model=build_model,
    settings=VerificationSettings(),
)
