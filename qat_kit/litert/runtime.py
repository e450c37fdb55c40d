"""LiteRT's own interpreter, started with a kernel set, and its errors in lines."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, get_args

from ai_edge_litert import interpreter as litert

from qat_kit.errors import ModelFileError
from qat_kit.vocabulary import KernelSet

KERNEL_SETS: tuple[KernelSet, ...] = get_args(KernelSet)

# The runtime joins the reports of all that failed without a character between them.
_SEAM = re.compile(r"(?<=\S)(?=Node number \d+ \()|(?<=[.)\]])(?=[A-Z][a-z]+ )|(?<=[a-z]\.)(?=[a-z_]{4,} )|\n")


# Where its kernels are.
LIBRARY = Path(litert.__file__).with_name("libpywrap_litert_common.so")


def load(
    source: Path | str | bytes,
    *,
    kernel_set: KernelSet,
    num_threads: int,
    preserve_all_tensors: bool,
    batch: int | None = None,
) -> Any:
    """LiteRT's interpreter with its tensors allocated. batch: the first dimension that every input gets.

    Raises ModelFileError where LiteRT cannot run the file. The file must have been read by `read_model`, since LiteRT
    trusts it.

    Source: tflite/python/interpreter.py, OpResolverType. Plain BUILTIN applies XNNPACK, so `builtin` is
    BUILTIN_WITHOUT_DEFAULT_DELEGATES.
    """
    resolvers = {
        "reference": litert.OpResolverType.BUILTIN_REF,
        "builtin": litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "xnnpack": litert.OpResolverType.AUTO,
    }
    is_content = isinstance(source, bytes)
    label = "the model" if is_content else str(source)
    content = {"model_content": source} if is_content else {"model_path": str(source)}
    try:
        with warnings.catch_warnings():
            # It says that preserving tensors costs memory, which is why one asks for it by name here.
            warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
            runtime = litert.Interpreter(
                **content,
                num_threads=num_threads,
                experimental_op_resolver_type=resolvers[kernel_set],
                experimental_preserve_all_tensors=preserve_all_tensors,
            )
        for detail in runtime.get_input_details() if batch is not None else ():
            runtime.resize_tensor_input(detail["index"], [batch, *detail["shape"][1:]])
        runtime.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"LiteRT cannot run {label} with kernel set {kernel_set}: {in_lines(error)}") from None
    return runtime


def in_lines(error: Exception) -> str:
    """What LiteRT says, a report a line, each once.

    >>> in_lines(RuntimeError("a.cc:1 x != y (1 != 2)Node number 3 (ADD) failed to prepare.Encountered an error."))
    'a.cc:1 x != y (1 != 2)\\nNode number 3 (ADD) failed to prepare.\\nEncountered an error.'
    """
    lines = (line.strip() for line in _SEAM.split(str(error)))
    return "\n".join(dict.fromkeys(line for line in lines if line)) or "it gives no reason; it may be want of memory"
