"""Whether a run's int8 file is good enough for whoever asked."""

from __future__ import annotations

from qat_kit.errors import GateError, UnknownNameError
from qat_kit.recipe import Settings
from qat_kit.results import Measurement

_REMEDY = "Train longer (epochs, qat_epochs), give the model more capacity, or lower the gate"


def refuse_poor_figures(measurement: Measurement, settings: Settings) -> None:
    """Raises GateError when the int8 file is less accurate than `minimum_accuracy` asks, or a figure past its gate.

    Raises UnknownNameError for a gate of a figure that the task does not have.
    """
    quality = measurement["int8_tflite"].quality
    wanted, accuracy = settings.minimum_accuracy, None if quality is None else quality.accuracy
    if wanted is not None and accuracy is not None and accuracy < wanted:
        raise GateError(f"the int8 file's accuracy is {accuracy:.2%}, below minimum_accuracy = {wanted:.2%}. {_REMEDY}")
    for name, bound in settings.gates.items():
        figures = {} if quality is None else quality.figures
        if name not in figures:
            raise UnknownNameError("figure", name, figures)
        figure = figures[name]
        sign = 1 if figure.higher_is_better else -1
        if not sign * figure.value >= sign * bound:
            where = "below" if figure.higher_is_better else "above"
            raise GateError(f"the int8 file's {name} is {figure.value:.6g}, {where} its gate {bound:g}. {_REMEDY}")
