"""Networks that recipes and benchmarks share, as their papers and benchmarks describe them. None is trained."""

from qat_kit.nets.augmentation import mirrored_and_moved
from qat_kit.nets.autoencoder import autoencoder
from qat_kit.nets.backbones import transferred
from qat_kit.nets.dense import dense_net
from qat_kit.nets.dense_prediction import denoiser, detector, unet
from qat_kit.nets.ds_cnn import ds_cnn
from qat_kit.nets.mobilenet import mobilenet
from qat_kit.nets.plain import plain_cnn
from qat_kit.nets.resnet import resnet8
from qat_kit.nets.signals import signal_net
from qat_kit.nets.towers import embedding_net, two_towers

__all__ = [
    "autoencoder",
    "denoiser",
    "dense_net",
    "detector",
    "ds_cnn",
    "embedding_net",
    "mirrored_and_moved",
    "mobilenet",
    "plain_cnn",
    "resnet8",
    "signal_net",
    "transferred",
    "two_towers",
    "unet",
]
