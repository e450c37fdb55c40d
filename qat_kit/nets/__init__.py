"""Networks that recipes and benchmarks share, as their papers and benchmarks describe them. None is trained."""

from qat_kit.nets.augmentation import mirrored_and_moved
from qat_kit.nets.dense import dense_net
from qat_kit.nets.ds_cnn import ds_cnn
from qat_kit.nets.mobilenet import mobilenet
from qat_kit.nets.plain import plain_cnn
from qat_kit.nets.resnet import resnet8

__all__ = ["dense_net", "ds_cnn", "mirrored_and_moved", "mobilenet", "plain_cnn", "resnet8"]
