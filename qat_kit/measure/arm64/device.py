"""A file on emulated arm64 beside this machine and the kernel simulator: `measure_emulated`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DeviceError, GateError, ModelFileError, QatKitError
from qat_kit.files import read_bytes
from qat_kit.litert.child import Limits
from qat_kit.litert.drawing import draw
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, TensorDetail, runtime_identity
from qat_kit.litert.model_file import read_model
from qat_kit.measure.arm64.instructions import count_instructions
from qat_kit.measure.arm64.userland import Userland
from qat_kit.measure.samples import read_samples
from qat_kit.measure.simulator import Simulator
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Agreement, DeviceMeasurement
from qat_kit.vocabulary import KernelSet

Codes = Mapping[str, NDArray[Any]]

SIMULATOR = "simulator"
# An emulated inference takes ten to thirty times its time.
_LIMITS = Limits(seconds=600.0)


def measure_emulated(
    path: Path,
    userland: Userland,
    *,
    processor: str = "cortex-a53",
    data: Path | None = None,
    num_samples: int = 32,
    counts: bool = True,
    seed: int = 0,
    limits: Limits = _LIMITS,
    progress: Progress | None = None,
) -> DeviceMeasurement:
    """All outputs of a file on each kernel set of arm64, beside those of this machine and of the kernel simulator.

    data: an `.npz` as `qat-kit measure` takes it, whose first `num_samples` are run; None for random inputs of `seed`.
    counts: count the instructions of an inference too. Raises DataError, ModelFileError, UnknownNameError.
    """
    progress = progress or SilentProgress()
    content = read_bytes(path)
    machine = partial(_machine, userland, processor)
    inputs = _inputs(content, data, num_samples, seed, limits)
    agreements: list[Agreement] = []
    instructions: dict[str, int] = {}
    notes = ["times under an emulator say nothing of a processor, so none are given"]
    with progress.track(f"emulated {processor}", len(KERNEL_SETS) * (2 if counts else 1)) as advance:
        for kernel_set in KERNEL_SETS:
            found = _on(kernel_set, content, inputs, machine(()), limits)
            agreements += found
            advance(1)
            if not counts:
                continue
            if not found[0].refusal:
                try:
                    instructions[kernel_set] = _count(content, inputs, machine, kernel_set, limits)
                except (DeviceError, ModelFileError) as error:
                    notes.append(f"instructions of {kernel_set} were not counted: {error}")
            advance(1)
    if instructions:
        notes.append("instructions: of LiteRT and C's mathematics in one inference on one thread, not the first one")
    return DeviceMeasurement(
        name=f"arm64 emulated, {processor}",
        kind="emulated",
        agreements=tuple(agreements),
        instructions=instructions,
        environment={
            "architecture": "aarch64",
            "processor": processor,
            "litert": runtime_identity()["litert"],
            "emulator": userland.emulator_version,
            "python": userland.python,
        },
        notes=tuple(notes),
    )


def check_reference(device: DeviceMeasurement) -> None:
    """Raises GateError where the reference kernels answer otherwise than on this machine: they must not, anywhere."""
    for agreement in device.agreements:
        if agreement.kernel_set == "reference" and agreement.num_differing:
            raise GateError(
                f"{device.name}: the reference kernels differ from {agreement.against} in {agreement.num_differing} of "
                f"{agreement.num_values} outputs, by {agreement.largest:g} at most; they are expected to be equal to "
                "the bit. Do not ship the file for arm64 before that is understood (qat-kit repro cuts out an operator)"
            )


def answers_on(
    content: bytes,
    inputs: Codes,
    kernel_set: KernelSet,
    userland: Userland,
    processor: str,
    *,
    limits: Limits = _LIMITS,
) -> dict[str, NDArray[Any]]:
    """Output name → codes on the emulated processor; raises ModelFileError where the kernel set refuses the file."""
    machine = _machine(userland, processor, ())
    with Interpreter(content, kernel_set=kernel_set, limits=limits, machine=machine) as interpreter:
        return interpreter.run(inputs)


def _machine(userland: Userland, processor: str, options: tuple[str, ...]) -> Any:
    return userland.machine(processor, options=options)


def _inputs(content: bytes, data: Path | None, num_samples: int, seed: int, limits: Limits) -> Codes:
    """Inputs as the file takes them; the kernel set that loads it is of no matter."""
    with _any_interpreter(content, limits) as interpreter:
        details = interpreter.inputs
        batch = max((detail.shape[0] for detail in details if detail.shape), default=1)
        count = max(1, num_samples // batch) * batch
        if data is None:
            random = np.random.default_rng(seed)
            shapes = {each.name: (count, *each.shape[1:]) if each.shape else () for each in details}
            return {each.name: draw(shapes[each.name], each.dtype, random) for each in details}
        samples, _ = read_samples(data, [detail.name for detail in details])
        few = {name: array[: min(count, len(array) // batch * batch or batch)] for name, array in samples.items()}
        return interpreter.codes(few)


def _any_interpreter(content: bytes, limits: Limits) -> Interpreter:
    for kernel_set in KERNEL_SETS[:-1]:
        try:
            return Interpreter(content, kernel_set=kernel_set, limits=limits)
        except ModelFileError:
            continue
    return Interpreter(content, kernel_set=KERNEL_SETS[-1], limits=limits)


def _on(kernel_set: KernelSet, content: bytes, inputs: Codes, machine: Any, limits: Limits) -> list[Agreement]:
    """One kernel set's answers beside this machine's, then beside the simulator's."""
    here = runtime_identity()["architecture"]
    try:
        with Interpreter(content, kernel_set=kernel_set, limits=limits) as own:
            expected, details = own.run(inputs), (own.inputs, own.outputs)
        with Interpreter(content, kernel_set=kernel_set, limits=limits, machine=machine) as emulated:
            answers = emulated.run(inputs)
    except ModelFileError as error:
        return [Agreement(kernel_set=kernel_set, against=here, refusal=str(error).splitlines()[0])]
    return [
        compare(answers, expected, kernel_set=kernel_set, against=here),
        _beside_simulator(content, kernel_set, inputs, answers, details, limits),
    ]


def compare(answers: Codes, expected: Codes, *, kernel_set: str, against: str) -> Agreement:
    """Every output beside the expected one, value by value; NaN beside NaN is equal.

    >>> compare({"y": np.int8([[1, 4]])}, {"y": np.int8([[1, 2]])}, kernel_set="xnnpack", against="x86_64").largest
    2.0
    """
    gaps = []
    for name, wanted in expected.items():
        first, second = answers[name].astype(np.float64), wanted.reshape(answers[name].shape).astype(np.float64)
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        gaps.append(np.where(same, 0.0, np.nan_to_num(np.abs(first - second), nan=np.inf)))
    return Agreement(
        kernel_set=kernel_set,
        against=against,
        num_samples=max((len(array) for array in expected.values() if array.ndim), default=1),
        num_values=sum(gap.size for gap in gaps),
        num_differing=sum(int(np.count_nonzero(gap)) for gap in gaps),
        largest=max((float(gap.max()) for gap in gaps if gap.size), default=0.0),
    )


def _beside_simulator(
    content: bytes,
    kernel_set: KernelSet,
    inputs: Codes,
    answers: Codes,
    details: tuple[tuple[TensorDetail, ...], tuple[TensorDetail, ...]],
    limits: Limits,
) -> Agreement:
    given, wanted = details
    runs = {detail.index: inputs[detail.name].reshape(-1, *detail.shape) for detail in given}
    # State is carried from sample to sample by LiteRT, and the simulator has none.
    is_stateful = any(tensor.is_variable for graph in read_model(content).subgraphs for tensor in graph.tensors)
    count = 1 if is_stateful else min(map(len, runs.values()))
    expected: dict[str, list[NDArray[Any]]] = {detail.name: [] for detail in wanted}
    try:
        simulator = Simulator(content, limits=limits)
        try:
            for run in range(count):
                sample = {index: np.asarray(array[run]) for index, array in runs.items()}
                codes = simulator.run(sample, kernel_set, tensors=tuple(detail.index for detail in wanted))
                for detail in wanted:
                    expected[detail.name].append(codes[detail.index])
        finally:
            simulator.close()
    except QatKitError as error:
        return Agreement(kernel_set=kernel_set, against=SIMULATOR, refusal=str(error).splitlines()[0])
    shown = {detail.name: answers[detail.name].reshape(-1, *detail.shape)[:count] for detail in wanted}
    stacked = {name: np.stack(parts) for name, parts in expected.items()}
    return compare(shown, stacked, kernel_set=kernel_set, against=SIMULATOR)


def _count(content: bytes, inputs: Codes, machine: Any, kernel_set: KernelSet, limits: Limits) -> int:
    with Interpreter(content, kernel_set=kernel_set, limits=limits) as own:
        first = {detail.index: inputs[detail.name].reshape(-1, *detail.shape)[0] for detail in own.inputs}
    return count_instructions(machine, content, first, kernel_set=kernel_set, limits=limits)
