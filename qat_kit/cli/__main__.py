"""`python -m qat_kit.cli`."""

from qat_kit.cli import main

main()
