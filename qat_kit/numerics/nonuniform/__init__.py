"""Codes that are not evenly spaced, on levels that an int8 or int4 file holds exactly."""

from qat_kit.numerics.nonuniform.apot import apot_levels, encode_apot
from qat_kit.numerics.nonuniform.binary import binary_gradient, encode_binary
from qat_kit.numerics.nonuniform.codebook import encode_codebook
from qat_kit.numerics.nonuniform.encoded import Encoded, encode_nearest
from qat_kit.numerics.nonuniform.logarithmic import encode_logarithmic
from qat_kit.numerics.nonuniform.power_of_two import encode_power_of_two, power_of_two_levels
from qat_kit.numerics.nonuniform.pwlq import encode_pwlq
from qat_kit.numerics.nonuniform.ternary import TERNARY_THRESHOLD, encode_ternary

__all__ = [
    "TERNARY_THRESHOLD",
    "Encoded",
    "apot_levels",
    "binary_gradient",
    "encode_apot",
    "encode_binary",
    "encode_codebook",
    "encode_logarithmic",
    "encode_nearest",
    "encode_power_of_two",
    "encode_pwlq",
    "encode_ternary",
    "power_of_two_levels",
]
