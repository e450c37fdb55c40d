"""Real data as arrays, split once and for all."""

from qat_kit.datasets.digits import load_digits
from qat_kit.datasets.pictures import load_cifar10, load_fashion_mnist, load_mnist
from qat_kit.datasets.representative import read_representative
from qat_kit.datasets.splits import Dataset, Split, as_split, label_arrays, stratified_indices
from qat_kit.datasets.spoken_digits import load_spoken_digits
from qat_kit.datasets.tables import load_breast_cancer, load_diabetes
from qat_kit.datasets.texts import load_banking77

__all__ = [
    "Dataset",
    "Split",
    "as_split",
    "label_arrays",
    "load_banking77",
    "load_breast_cancer",
    "load_cifar10",
    "load_diabetes",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "load_spoken_digits",
    "read_representative",
    "stratified_indices",
]
