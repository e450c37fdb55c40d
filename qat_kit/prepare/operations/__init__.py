"""Operations on tensors → layers, with all their arguments.

A function here stands for one operation (`reductions.reduce`, `parts.get_item`) and takes its arguments by one set of
names; `tensorflow.py` says which of TensorFlow's functions it is and what the arguments are called there.
"""

from qat_kit.prepare.operations.rewrite import replace_operations

__all__ = ["replace_operations"]
