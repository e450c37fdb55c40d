#!/usr/bin/env python
"""The same trained float models through this kit and through its rivals; writes docs/scoreboard.md.

    .venv/bin/python scripts/benchmarks/scoreboard.py digits mnist_cnn      these recipes, seed 0
    .venv/bin/python scripts/benchmarks/scoreboard.py --only tfmot digits   contenders whose names contain "tfmot"
    .venv/bin/python scripts/benchmarks/scoreboard.py --document            the document from what is there

The float models are those of `scripts/results` (runs/results/RECIPE/SEED), which trains them first where they are not
there. Each contender is a program in `contenders/`, run in a process of its own; rivals that the kit does not build on
run in pinned environments of their own, `environments/NAME.txt`, made in runs/environments. One that fails is a result
like any other. Figures are kept in runs/scoreboard, and made anew where the contender's program has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scoreboard_document import document
from scoreboard_subjects import make_subject

from qat_kit.errors import QatKitError
from qat_kit.files import write_text
from qat_kit.inspection import inspect
from qat_kit.measure import compare, evaluate, file_runner, mcnemar_p_value, measure_latency, wilson_interval

ROOT = Path(__file__).parents[2]
CONTENDERS = Path(__file__).with_name("contenders")
ENVIRONMENTS = Path(__file__).with_name("environments")
DOCUMENT = ROOT / "docs" / "scoreboard.md"
TIME_LIMIT_S = 4 * 3600.0
# Kernel sets are compared on so many samples: the reference kernels take their time.
NUM_FLIP_SAMPLES = 1000
FLOAT_TYPES = ("FLOAT32", "FLOAT16", "FLOAT64")


@dataclass(frozen=True)
class Contender:
    """One way from the float model to a file.

    program, method: of `contenders/`. environment: of `environments/`; None for the kit's own. baseline: what its
    answers are compared with: the float model, or that model trained on for as long.
    """

    name: str
    program: str
    method: str
    environment: str | None = None
    baseline: str = "float"

    @property
    def folder(self) -> str:
        """Where its file and figures stand, below the subject's."""
        return f"{self.program}.{self.method}"


def contenders() -> Iterator[Contender]:
    """In the order of the table."""
    yield Contender("float, trained as long", "kit", "float_as_long")
    for scheme in ("w8a8", "w4a8", "w8a16", "w2a8", "ternary_a8", "binary_a8"):
        yield Contender(f"qat_kit, QAT {scheme}", "kit", f"qat_{scheme}", baseline="float, trained as long")
    yield Contender("tfmot, QAT", "tfmot_alone", "qat", baseline="float, trained as long")
    for scheme in ("w8a8", "w4a8", "w8a16"):
        yield Contender(f"qat_kit, post-training {scheme}", "kit", f"post_training_{scheme}")
    yield Contender("TFLiteConverter, post-training", "tflite_converter", "post_training")
    yield Contender("TFLiteConverter, dynamic range", "tflite_converter", "dynamic_range")
    for algorithm in ("min_max", "octav", "mse", "gptq"):
        for bits in (8, 4):
            yield Contender(
                f"LiteRT Quantizer, {algorithm} w{bits}a8",
                "litert_quantizer_alone",
                f"{algorithm}_w{bits}a8",
                environment="litert_quantizer",
            )
    yield Contender("Keras 3, quantize('int8')", "keras_quantize", "post_training")
    yield Contender(
        "Model Compression Toolkit, post-training",
        "model_compression_toolkit_alone",
        "post_training",
        environment="model_compression_toolkit",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", help="classification recipes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of a contender's name")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs", help="holds results/, scoreboard/ and environments/"
    )
    parser.add_argument("--document", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    for name in [] if arguments.document else arguments.recipes:
        subject = make_subject(name, arguments.seed, arguments.runs)
        for contender in contenders():
            if arguments.only in contender.name:
                figures = one(contender, subject, arguments.runs)
                print(f"{name}, {contender.name}: {figures.get('failed') or json.dumps(figures)}", flush=True)
    folders = [contender.folder for contender in contenders()]
    page = document(arguments.runs / "scoreboard", folders, num_flip_samples=NUM_FLIP_SAMPLES)
    write_text(DOCUMENT, page)
    print(f"wrote {DOCUMENT}")


def one(contender: Contender, subject: Path, runs: Path) -> dict[str, Any]:
    """The figures of one contender, kept where its program is the same."""
    folder = subject / contender.folder
    program = CONTENDERS / f"{contender.program}.py"
    stamp = hashlib.sha256(program.read_bytes()).hexdigest()
    kept = folder / "figures.json"
    if kept.exists():
        figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if figures["program_sha256"] == stamp:
            return figures
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "model.tflite"
    python = python_of(contender.environment, runs)
    begin = processor_seconds()
    child = subprocess.run(
        [python, program, contender.method, subject, file],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIME_LIMIT_S,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    figures = {
        "contender": contender.name,
        "program_sha256": stamp,
        "seconds": round(processor_seconds() - begin, 1),
        "user_lines": user_lines(program, contender.method),
    }
    (folder / "log.txt").write_text(child.stdout + child.stderr, encoding="utf-8")
    if child.returncode in (-signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL):
        raise SystemExit(f"{contender.name} was stopped; the same command goes on with it")
    if child.returncode or not file.exists():
        figures["failed"] = last_words(child.stderr) or f"exit code {child.returncode}"
    else:
        figures["peak_kib"] = json.loads(child.stdout.strip().splitlines()[-1])["peak_kib"]
        try:
            figures |= measured(file, subject, contender)
        except QatKitError as error:
            figures["failed"] = f"the file does not run: {error}"
    write_text(kept, json.dumps(figures, indent=2) + "\n")
    return figures


def processor_seconds() -> float:
    """What all ended children have used, theirs included: it holds on a loaded machine, where the clock does not."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def python_of(environment: str | None, runs: Path) -> Path:
    """The interpreter of an environment, which is made first where it is not there."""
    if environment is None:
        return Path(sys.executable)
    requirements, folder = ENVIRONMENTS / f"{environment}.txt", runs / "environments" / environment
    python, stamp = folder / "bin" / "python", folder / requirements.name
    wanted = requirements.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def last_words(errors: str) -> str:
    """The last line that says anything, without what is the same in every log.

    >>> last_words("Traceback\\nValueError: no such layer\\n")
    'ValueError: no such layer'
    """
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return next((line[:300] for line in reversed(lines) if "Error" in line), lines[-1][:300] if lines else "")


def user_lines(program: Path, method: str) -> int:
    """The lines between `# user` and `# end` in the function that the method's name begins with."""
    lines = program.read_text(encoding="utf-8").splitlines()
    blocks: dict[str, int] = {}
    function, count = "", None
    for line in map(str.strip, lines):
        if line.startswith("def "):
            function = line[4:].partition("(")[0]
        elif line == "# user":
            count = 0
        elif line == "# end" and count is not None:
            blocks[function], count = count, None
        elif count is not None and line:
            count += 1
    matching = [number for name, number in blocks.items() if method.startswith(name)]
    return max(matching, default=max(blocks.values(), default=0))


def measured(file: Path, subject: Path, contender: Contender) -> dict[str, Any]:
    """What the file is worth and what it costs, on the samples that no contender has seen."""
    with np.load(subject / "test.npz") as data:
        inputs, labels = data["inputs"], data["labels"]
    inspection = inspect(file)
    graph = inspection.graphs[0]
    floats = [tensor.index for tensor in graph.tensors if tensor.type in FLOAT_TYPES]
    operators = [*graph.operators]
    float_operators = sum(bool({*operator.inputs, *operator.outputs} & {*floats}) for operator in operators)
    answers = evaluate(file, inputs)
    np.save(file.with_name("answers.npy"), answers)
    baseline = answers_of(contender.baseline, subject, inputs)
    against = compare(
        baseline, answers, labels, baseline=contender.baseline, candidate=contender.name, scores_are="logits"
    )
    right = int((answers.argmax(axis=1) == labels).sum())
    some = slice(NUM_FLIP_SAMPLES)
    chosen = {kind: evaluate(file, inputs[some], kernel_set=kind).argmax(axis=1) for kind in ("reference", "builtin")}
    flips = {kind: int((found != answers[some].argmax(axis=1)).sum()) for kind, found in chosen.items()}
    runners = {"float": file_runner(subject / "float32.tflite", inputs), "file": file_runner(file, inputs)}
    latency = measure_latency(runners, num_runs=300)
    return {
        "num_samples": len(labels),
        "right": right,
        "interval": wilson_interval(right, len(labels)),
        "baseline": contender.baseline,
        "lost": against.lost,
        "gained": against.gained,
        "drop_points": against.accuracy_drop_points,
        "p_value": mcnemar_p_value(against.lost, against.gained),
        "operators": len(operators),
        "float_operators": float_operators,
        "size_bytes": inspection.size_bytes,
        "float_bytes": (subject / "float32.tflite").stat().st_size,
        "latency_ratio": latency["file"].p50_ms / latency["float"].p50_ms,
        "flips": flips,
        "flip_samples": len(inputs[some]),
    }


def answers_of(baseline: str, subject: Path, inputs: Any) -> Any:
    """The outputs that a contender's are compared with."""
    if baseline == "float":
        kept = subject / "float_answers.npy"
        if not kept.exists():
            np.save(kept, evaluate(subject / "float32.tflite", inputs))
        return np.load(kept)
    return np.load(subject / "kit.float_as_long" / "answers.npy")


if __name__ == "__main__":
    main()
