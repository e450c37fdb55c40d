"""A converted file on its way to its name: read, run, told what it is, and read once more: `prove`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from qat_kit.convert import golden_vectors
from qat_kit.errors import CertificateError
from qat_kit.manifest import GoldenVectors
from qat_kit.results import Certificate
from qat_kit.verify import RunRequest

# Findings that an error shows; the certificate has all.
_SHOWN = 8


def prove(
    candidate: Path,
    path: Path,
    *,
    certify: Callable[[RunRequest | None], Certificate],
    request: Callable[[], RunRequest],
    golden_inputs: Mapping[str, NDArray[Any]] | None,
    describe: Callable[[Certificate], None],
    name: str = "model.tflite",
) -> tuple[Certificate, GoldenVectors]:
    """The certificate of a candidate, which is written to `path` at each step, and its golden vectors.

    certify: looks at the candidate, and runs it where it is given a request. request: what to run it on; asked for only
    when the file has been read and passed, since that may take a model's answers to many samples. golden_inputs: as
    `golden_vectors` takes them. describe: writes metadata into the candidate. name: of the file that is to be.

    Raises CertificateError, with what is wrong and what to do, at the first step that fails; ModelFileError where no
    kernel set runs the file.
    """

    def passed(run: RunRequest | None) -> Certificate:
        certificate = certify(run)
        certificate.save(path)
        if not certificate.passed:
            raise CertificateError(_message(certificate, path.name, name))
        return certificate

    # A file that is not what its scheme says is refused before time goes into running it.
    passed(None)
    asked = request()
    golden = golden_vectors(candidate, golden_inputs, seed=asked.seed)
    proven = passed(replace(asked, golden=golden))
    describe(proven)
    # The certificate is bound to the file as it is now. The metadata holds the hash of what was proven, so that is kept
    # as it is; what the description could have spoiled is looked at once more.
    described = passed(None)
    certificate = proven.model_copy(update={"sha256": described.sha256, "size_bytes": described.size_bytes})
    certificate.save(path)
    return certificate, golden


def _message(certificate: Certificate, kept_in: str, name: str) -> str:
    """Why there is no file: each finding with its operator, its Keras layer and the remedy."""
    lines = [f"the file is not what it must be, so there is no {name}: {certificate.verdict}"]
    lines += [f"  {finding.line}" for finding in certificate.findings[:_SHOWN]]
    if len(certificate.findings) > _SHOWN:
        lines.append(f"  … and {len(certificate.findings) - _SHOWN} more findings, all in {kept_in}")
    return "\n".join(lines)
