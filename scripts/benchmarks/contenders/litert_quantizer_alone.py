"""LiteRT Quantizer: post-training on the float `.tflite` file, with each algorithm that takes convolutions."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from litert_quantizer import algorithm_manager, quantizer, recipe_manager
from subject import Subject, main

_ALGORITHMS = {"min_max": "MIN_MAX_UNIFORM_QUANT", "octav": "OCTAV", "mse": "MSE", "gptq": "GPTQ"}


def static(algorithm: str, weight_bits: int, subject: Subject, out: Path) -> None:
    # user
    recipe = recipe_manager.RecipeManager()
    recipe.add_static_config(
        regex=".*",
        operation_name="*",
        activation_num_bits=8,
        weight_num_bits=weight_bits,
        algorithm_key=algorithm_manager.AlgorithmName[_ALGORITHMS[algorithm]],
    )
    tool = quantizer.Quantizer(subject.folder / "float32.tflite", recipe.get_quantization_recipe())
    samples = [{subject.input_name: sample[None]} for sample in subject.calibration]
    ranges = tool.calibrate({"serving_default": samples})
    tool.quantize(ranges, serialize_to_path=out)
    # end


if __name__ == "__main__":
    main({f"{algorithm}_w{bits}a8": partial(static, algorithm, bits) for algorithm in _ALGORITHMS for bits in (8, 4)})
