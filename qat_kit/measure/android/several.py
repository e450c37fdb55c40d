"""Several phones at once: what one of them fails at is no reason to lose the others' results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from qat_kit.errors import QatKitError
from qat_kit.measure.android.phone import Phone

T = TypeVar("T")


def on_all(phones: Sequence[Phone], work: Callable[[Phone], T]) -> tuple[list[T], list[QatKitError]]:
    """Does something on every phone at the same time: (what came out, what failed), each in the phones' order."""

    def guarded(phone: Phone) -> T | QatKitError:
        try:
            return work(phone)
        except QatKitError as error:
            return error

    with ThreadPoolExecutor(max(1, len(phones))) as pool:
        found = list(pool.map(guarded, phones))
    results = [each for each in found if not isinstance(each, QatKitError)]
    return results, [each for each in found if isinstance(each, QatKitError)]
