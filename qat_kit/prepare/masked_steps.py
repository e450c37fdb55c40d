"""What becomes of a recurrent layer's states and outputs at the steps that a mask says do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qat_kit.layers import Select, StridedSlice
from qat_kit.prepare.cells import Roles, State
from qat_kit.prepare.parts import Parts


@dataclass(frozen=True, kw_only=True)
class Masks:
    """mask: [steps] of booleans; None: every step counts. zero_output: what a masked step gives is 0 (Keras'
    `zero_output_for_mask`), else the output before it. order: the place in the mask of each step.
    """

    parts: Parts
    mask: str | None
    zero_output: bool
    order: Sequence[int]

    def in_order(self, order: Sequence[int]) -> Masks:
        """For steps that are counted in the order in which they were processed."""
        return replace(self, order=order)

    def applied(
        self, roles: Roles, time: int, new: State, old: State | None, before: str | None, *, started: bool
    ) -> tuple[str, State]:
        """A step's output and its states.

        new: what the cell computes; old: its states before, None where they are 0; before: the output of the step
        before. started: the layer has initial states, which are then no outputs.
        """
        if self.mask is None:
            return new[0], new
        place = self.order[time]
        batch, _ = self.parts.shape(self.mask)
        counts = self.parts.add(
            StridedSlice, self.mask, part=roles("counts"), shape=(batch, 1), slices=[(place, place + 1, 1)]
        )
        kept = [
            self._selected(roles(f"state{index}"), counts, state, old[index] if old else None)
            for index, state in enumerate(new)
        ]
        output = kept[0]
        if self.zero_output or started:
            output = self._selected(roles("shown"), counts, new[0], None if self.zero_output else before)
        return output, tuple(kept)

    def _selected(self, part: str, counts: str, new: str, old: str | None) -> str:
        shape = self.parts.shape(new)
        return self.parts.add(Select, counts, new, *([] if old is None else [old]), part=part, shape=shape)
