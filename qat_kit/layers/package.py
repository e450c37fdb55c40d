"""Under which name Keras files our layers: `qat_kit>WithConstant`."""

PACKAGE = "qat_kit"
