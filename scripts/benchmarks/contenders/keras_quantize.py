"""Keras 3's own `quantize("int8")` and its export to a LiteRT file."""

from __future__ import annotations

from pathlib import Path

import keras
from subject import Subject, main


def post_training(subject: Subject, out: Path) -> None:
    # user
    model = keras.models.load_model(subject.folder / "plain.h5", compile=False)
    model.quantize("int8")
    model.export(out, format="litert")
    # end


if __name__ == "__main__":
    main({"post_training": post_training})
