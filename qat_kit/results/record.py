"""A result that is also a JSON file: `Record`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pydantic

from qat_kit.errors import DataError
from qat_kit.files import read_text, write_text


class Record(pydantic.BaseModel):
    """A result that is also a JSON file."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def save(self, path: Path) -> Path:
        """Writes the record as JSON, under a temporary name first."""
        return write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote; raises DataError when it is something else."""
        try:
            return cls.model_validate_json(read_text(path))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise DataError(
                f"{path} is not a {cls.__name__} of this version of qat_kit: {where}{first['msg']}"
            ) from None
