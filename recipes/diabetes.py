"""A table to a number: the progress of diabetes from ten measures, with a small dense net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_diabetes
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class DiabetesSettings(Settings):
    """The defaults of this recipe. units: of both hidden layers."""

    epochs: int = 60
    qat_epochs: int = 20
    batch_size: int = 16
    units: Count = 16


def build_model(settings: DiabetesSettings) -> tf_keras.Model:
    from qat_kit.nets import dense_net

    return dense_net(num_inputs=10, num_outputs=1, units=settings.units, output="progress", name="diabetes")


recipe = Recipe(
    name="diabetes",
    summary="Diabetes (scikit-learn), table of 10 columns, regression",
    data="scikit-learn, 244 rows",
    task="regression",
    figure="mean_squared_error",
    scores="values",
    load_data=lambda settings: load_diabetes(),
    build_model=build_model,
    settings=DiabetesSettings(),
)
