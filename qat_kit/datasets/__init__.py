"""Real data as arrays, split once and for all."""

from qat_kit.datasets.derived import load_alike, load_noisy_clothes, load_strange_clothes
from qat_kit.datasets.digits import load_digits
from qat_kit.datasets.interactions import load_choices
from qat_kit.datasets.pictures import load_cifar10, load_fashion_mnist, load_mnist
from qat_kit.datasets.representative import read_representative
from qat_kit.datasets.scenes import load_detected_scenes, load_segmented_scenes
from qat_kit.datasets.splits import Dataset, Split, as_split, label_arrays, stratified_indices
from qat_kit.datasets.spoken_digits import load_spoken_digits
from qat_kit.datasets.tables import load_breast_cancer, load_diabetes
from qat_kit.datasets.texts import load_banking77
from qat_kit.datasets.windows import load_activity, load_heartbeat

__all__ = [
    "Dataset",
    "Split",
    "as_split",
    "label_arrays",
    "load_activity",
    "load_alike",
    "load_banking77",
    "load_breast_cancer",
    "load_choices",
    "load_cifar10",
    "load_detected_scenes",
    "load_diabetes",
    "load_digits",
    "load_fashion_mnist",
    "load_heartbeat",
    "load_mnist",
    "load_noisy_clothes",
    "load_segmented_scenes",
    "load_spoken_digits",
    "load_strange_clothes",
    "read_representative",
    "stratified_indices",
]
