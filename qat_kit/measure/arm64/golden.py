"""What arm64 answers to an artifact's golden inputs, for the app that runs there: `golden_answers`."""

from __future__ import annotations

from pathlib import Path

from qat_kit.errors import DataError, ModelFileError
from qat_kit.files import read_bytes, sha256
from qat_kit.litert.interpreter import KERNEL_SETS, runtime_identity
from qat_kit.manifest import EncodedArray, GoldenAnswers, Manifest, decode_all, encode_all
from qat_kit.measure.arm64.device import answers_on
from qat_kit.measure.arm64.userland import Userland
from qat_kit.progress import Progress, SilentProgress
from qat_kit.vocabulary import KernelSet

ARCHITECTURE = "aarch64"


def golden_answers(
    manifest_path: Path, userland: Userland, *, processor: str = "cortex-a53", progress: Progress | None = None
) -> Manifest:
    """A manifest with arm64's answers to its golden inputs, which stand under `golden.elsewhere["aarch64"]`.

    Raises DataError where it has no golden vectors or where its file is another, ModelFileError where no kernel set
    runs the file. Nothing is written.
    """
    progress = progress or SilentProgress()
    manifest = Manifest.load(manifest_path)
    file = manifest_path.with_name(manifest.files[0].name)
    content = read_bytes(file)
    if sha256(content) != manifest.files[0].sha256:
        raise DataError(f"{file} is not the file that {manifest_path.name} describes: convert again")
    if manifest.golden is None:
        raise DataError(f"{manifest_path} has no golden vectors, whose inputs arm64 could answer: convert again")
    inputs = decode_all(manifest.golden.inputs)
    outputs: dict[KernelSet, dict[str, EncodedArray]] = {}
    refusals: dict[KernelSet, str] = {}
    with progress.track(f"golden vectors on emulated {processor}", len(KERNEL_SETS)) as advance:
        for kernel_set in KERNEL_SETS:
            try:
                outputs[kernel_set] = encode_all(answers_on(content, inputs, kernel_set, userland, processor))
            except ModelFileError as error:
                refusals[kernel_set] = str(error)
            advance(1)
    if not outputs:
        raise ModelFileError(f"no kernel set of LiteRT runs {file.name} on arm64: {'; '.join(refusals.values())}")
    answers = GoldenAnswers(
        outputs=outputs,
        refusals=refusals,
        litert=runtime_identity()["litert"],
        computed_on=f"{processor}, emulated by {userland.emulator_version}",
    )
    elsewhere = {**manifest.golden.elsewhere, ARCHITECTURE: answers}
    golden = manifest.golden.model_copy(update={"elsewhere": elsewhere})
    return manifest.model_copy(update={"golden": golden})
