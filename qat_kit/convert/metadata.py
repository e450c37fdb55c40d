"""What an artifact's file says of itself, for apps that read TFLite metadata: `describe` and `write_metadata`."""

from __future__ import annotations

import re
from pathlib import Path

from qat_kit.convert.interface import interfaces
from qat_kit.errors import DataError
from qat_kit.files import read_bytes, write_bytes
from qat_kit.litert.describing import described
from qat_kit.litert.description import AssociatedFile, Description, TensorDescription
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import ModelFile
from qat_kit.manifest import Preprocessing, TensorInterface
from qat_kit.results import Certificate
from qat_kit.vocabulary import Scores

LABELS, VOCABULARY = "labels.txt", "vocabulary.txt"
# What stands for numbers 0 and 1, so that a word's line is its number.
_NO_WORDS = ("[PAD]", "[UNK]")
_SCORES = {
    "probabilities": "probabilities, 0 to 1",
    "logits": "logits: the larger, the likelier",
    "values": "values in the units of training",
}
_CERTIFICATE = re.compile(r"^Certificate: SHA-256 ([0-9a-f]{64})\Z", re.MULTILINE)


def write_metadata(
    candidate: Path,
    certificate: Certificate,
    *,
    name: str,
    description: str = "",
    scores: Scores,
    class_names: tuple[str, ...] = (),
    preprocessing: Preprocessing | None = None,
) -> None:
    """Puts name, description, normalization, labels, units and the certificate's hash into the file, in its place.

    preprocessing: how samples became the input, where that is known. Doing it again gives the same bytes.

    Raises DataError for class names that a file of one name a line cannot hold.
    """
    wrong = next((label for label in class_names if not label.strip() or "\n" in label or "\r" in label), None)
    if wrong is not None:
        raise DataError(f"a class name must be one line of text, received {wrong!r}; rename the class")
    content = read_bytes(candidate)
    told = describe(
        read_model(content),
        name=name,
        description="\n".join(filter(None, (description, f"Certificate: SHA-256 {certificate.content_sha256}"))),
        scores=scores,
        class_names=class_names,
        preprocessing=preprocessing or Preprocessing(),
    )
    has_labels = any(output.files for output in told.outputs)
    files = {LABELS: "".join(f"{label}\n" for label in class_names).encode()} if has_labels else {}
    if preprocessing is not None and preprocessing.words is not None:
        files[VOCABULARY] = "".join(f"{word}\n" for word in (*_NO_WORDS, *preprocessing.words.vocabulary)).encode()
    write_bytes(candidate, described(content, told, files))


def certificate_sha256(description: Description) -> str | None:
    """The hash of the certificate that a file's description names (`Certificate.content_sha256`); None without one."""
    found = _CERTIFICATE.search(description.description)
    return None if found is None else found[1]


def describe(
    model: ModelFile,
    *,
    name: str,
    description: str,
    scores: Scores,
    class_names: tuple[str, ...],
    preprocessing: Preprocessing,
) -> Description:
    """The description of a file: an entry for each input and output, as the file has them."""
    inputs, outputs = interfaces(model)
    labels = AssociatedFile(name=LABELS, description="names of the classes, one a line", kind="axis_labels")
    return Description(
        name=name,
        description=description,
        inputs=tuple(_input(interface, preprocessing) for interface in inputs),
        outputs=tuple(
            TensorDescription(
                name=interface.name,
                description=_SCORES[scores],
                content="feature",
                minimum=(0.0,) if scores == "probabilities" else (),
                maximum=(1.0,) if scores == "probabilities" else (),
                files=(labels,) if class_names and interface.shape[-1:] == (len(class_names),) else (),
            )
            for interface in outputs
        ),
    )


def _input(interface: TensorInterface, preprocessing: Preprocessing) -> TensorDescription:
    channels = interface.shape[-1] if len(interface.shape) == 4 else None
    if preprocessing.kind == "image" and channels in (1, 3):
        return TensorDescription(
            name=interface.name,
            description=f"(value − mean) / std of pixels from 0 to 255, {preprocessing.resize} to the model's size",
            content="image",
            color_space="rgb" if channels == 3 else "grayscale",
            **_normalization(preprocessing),
            minimum=(0.0,),
            maximum=(255.0,),
        )
    if preprocessing.kind == "audio":
        return TensorDescription(
            name=interface.name,
            description="(value − mean) / std of samples from −1 to 1",
            content="audio",
            sample_rate=preprocessing.sample_rate,
            channels=1,
            **_normalization(preprocessing),
            minimum=(-1.0,),
            maximum=(1.0,),
        )
    if preprocessing.words is not None:
        words = AssociatedFile(name=VOCABULARY, description="words, each in the line of its number", kind="vocabulary")
        told = "numbers of the words in lower case, 0 behind the last"
        return TensorDescription(name=interface.name, description=told, content="feature", files=(words,))
    if preprocessing.log_mel is not None:
        facts = ", ".join(f"{name} {value:g}" for name, value in preprocessing.log_mel)
        return TensorDescription(name=interface.name, description=f"log-mel picture: {facts}", content="feature")
    if (preprocessing.mean, preprocessing.std) != ((0.0,), (1.0,)):
        told = "(value − mean) / std of values in their own units"
        return TensorDescription(
            name=interface.name, description=told, content="feature", **_normalization(preprocessing)
        )
    return TensorDescription(name=interface.name, content="feature")


def _normalization(preprocessing: Preprocessing) -> dict[str, tuple[float, ...]]:
    """mean and std of one length, as MediaPipe demands (tasks/cc/vision/utils/image_tensor_specs.cc)."""
    length = max(len(preprocessing.mean), len(preprocessing.std))
    mean, std = (values * length if len(values) == 1 else values for values in (preprocessing.mean, preprocessing.std))
    return {"mean": mean, "std": std}
