"""A table to two classes: breast cancer from 30 measures, with a small dense net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_breast_cancer
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class BreastCancerSettings(Settings):
    """The defaults of this recipe. units: of both hidden layers."""

    epochs: int = 60
    qat_epochs: int = 20
    batch_size: int = 16
    units: Count = 16


def build_model(settings: BreastCancerSettings) -> tf_keras.Model:
    from qat_kit.nets import dense_net

    return dense_net(num_inputs=30, num_outputs=2, units=settings.units, output="logits", name="breast_cancer")


recipe = Recipe(
    name="breast_cancer",
    summary="Breast cancer (scikit-learn), table of 30 columns, 2 classes",
    data="scikit-learn, 313 rows",
    task="classification",
    figure="accuracy",
    scores="logits",
    load_data=lambda settings: load_breast_cancer(),
    build_model=build_model,
    settings=BreastCancerSettings(),
)
