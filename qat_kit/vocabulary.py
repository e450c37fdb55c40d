"""The words that settings and records choose from."""

from __future__ import annotations

from typing import Literal

# What a model is for; `measure.metrics` says how its answers are judged.
Task = Literal[
    "anomaly",
    "classification",
    "detection",
    "pictures",
    "regression",
    "retrieval",
    "segmentation",
    "tagging",
    "transcripts",
    "verification",
]

# What the outputs of a model hold.
Scores = Literal["logits", "probabilities", "values"]

# What an app feeds a file and gets from it.
IoType = Literal["int8", "uint8", "int16", "float32"]

# LiteRT's kernels: plain, optimised, and XNNPACK where it takes an operator (what an app gets by default).
KernelSet = Literal["reference", "builtin", "xnnpack"]

# What `qat_kit.kernels` computes: those, and TensorFlow Lite for Microcontrollers' portable kernels.
SimulatedKernelSet = Literal["reference", "builtin", "xnnpack", "tflite_micro"]

# What training computes: real numbers on their grids, or the integers of a kernel set.
Forward = Literal["fake", "integer"]

# How calibration samples are chosen: all there are, the first, at random, each class in proportion, or those that
# together reach furthest into the range of every layer.
Selection = Literal["all", "first", "random", "stratified", "coverage"]

# What becomes of batch norm: folded before fine-tuning, or behind it.
BatchNorm = Literal["fold", "train_then_fold"]

# How an image comes to the model's size: stretched, or the largest rectangle of its shape cut out of the middle.
Resize = Literal["stretch", "crop"]

# A machine besides this one that `qat-kit measure` runs a file on, and the processors that it can be.
Emulated = Literal["arm64-emulated"]
EmulatedCpu = Literal["cortex-a53", "cortex-a76", "max"]

# What is made of an artifact: a folder for an app, or C source for a microcontroller.
BundleKind = Literal["app", "c-array"]

# The file in a SavedModel's folder that says in which order the model has its inputs and outputs.
ORDER = "order.json"
