"""A `.tflite` file as plain records: `read_model`.

Nothing here runs a model or trusts one: a damaged file raises ModelFileError that says what was found and where.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from qat_kit.errors import ModelFileError
from qat_kit.files import sha256
from qat_kit.litert.flatbuffer import ENTRIES_PER_BYTE, FlatBuffer, Table
from qat_kit.litert.options import TYPE_NAMES, names_of, read_options
from qat_kit.litert.records import ModelFile, Operator, Signature, Subgraph, Tensor
from qat_kit.litert.validation import check_calls, check_tensor

__all__ = ["IDENTIFIER", "ModelFile", "Operator", "Signature", "Subgraph", "Tensor", "read_model"]

IDENTIFIER = b"TFL3"


_OP_NAMES = names_of(schema.BuiltinOperator)

# A buffer may be shared by many tensors; in full by this many. A file that says more keeps its reader busy.
_SHARED_AT_MOST = 256


def read_model(source: Path | str | bytes) -> ModelFile:
    """A `.tflite` file, from its path or its bytes.

    Constant tensors are views of the bytes, decoded when they are asked for. Whatever the file says, its records take
    less than 64 MB and 512 bytes for each byte of it. Raises ModelFileError when there is no
    such file, or it is empty, cut off, damaged or not a `.tflite` file.

    Source: tensorflow/compiler/mlir/lite/schema/schema.fbs.

    >>> read_model(b"not a model at all")
    Traceback (most recent call last):
    qat_kit.errors.ModelFileError: <bytes> is not a .tflite file: bytes 4 to 7 must be b'TFL3', found b'a mo'
    """
    data = source if isinstance(source, bytes) else _read(Path(source))
    label = "<bytes>" if isinstance(source, bytes) else str(source)
    if not data:
        raise ModelFileError(f"{label} is empty; a .tflite file was expected")
    if data[4:8] != IDENTIFIER:
        found = f"found {data[4:8]!r}" if len(data) >= 8 else f"the file has {len(data)} bytes"
        raise ModelFileError(f"{label} is not a .tflite file: bytes 4 to 7 must be {IDENTIFIER!r}, {found}")
    try:
        return _Reader(data).model()
    except ModelFileError as error:
        raise ModelFileError(f"{label} is cut off or damaged: {error}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"could not read {path}: {error.strerror or error}") from None


class _Reader:
    """Walks one file. The numbers are those of the fields in schema.fbs, counted from 0 in each table."""

    def __init__(self, data: bytes) -> None:
        self._buffer = FlatBuffer(data)
        self._data = data

    def model(self) -> ModelFile:
        root = self._buffer.root()
        codes = [self._operator_code(table) for table in root.tables(1, "operator_codes")]
        buffers = [self._constant(table) for table in root.tables(4, "buffers")]
        graphs = tuple(
            self._subgraph(index, table, codes, buffers) for index, table in enumerate(root.tables(2, "subgraphs"))
        )
        if not graphs:
            raise ModelFileError("it holds no graph")
        check_calls(graphs)
        attached = [self._attachment(table, buffers) for table in root.tables(6, "metadata")]
        return ModelFile(
            version=int(root.scalar(0, "I", 0)),
            description=root.text(3, "description") or "",
            subgraphs=graphs,
            signatures=tuple(self._signature(table, graphs) for table in root.tables(7, "signature_defs")),
            metadata=tuple(name for name, _ in attached),
            size_bytes=len(self._data),
            sha256=sha256(self._data),
            attachments={name: value for name, value in attached if value is not None},
        )

    def _operator_code(self, table: Table) -> tuple[str, int, bool]:
        # Codes up to 127 stand in the older, one-byte field; whichever is larger counts.
        code = max(int(table.scalar(0, "b", 0)), int(table.scalar(3, "i", 0)))
        name = _OP_NAMES.get(code)
        if name is None:
            raise ModelFileError(
                f"{table.what} names the builtin op {code}, which this version of LiteRT does not know"
            )
        is_custom = name == "CUSTOM"
        custom_name = table.text(1, f"{table.what}.custom_code") if is_custom else None
        return custom_name or name, int(table.scalar(2, "i", 1)), is_custom

    def _constant(self, table: Table) -> NDArray[np.uint8] | None:
        # Files beyond 2 GB keep their buffers behind the FlatBuffer; an offset of 0 or 1 says that this one does not.
        offset, size = int(table.scalar(1, "Q", 0)), int(table.scalar(2, "Q", 0))
        if offset > 1:
            start, end = self._buffer.span(offset, size, f"the external data of {table.what}")
            self._buffer.spend(size, f"the external data of {table.what}")
            return np.frombuffer(self._data, np.uint8, count=end - start, offset=start)
        inline = table.numbers(0, "uint8", f"the data of {table.what}")
        if inline is None or not inline.size:
            return None
        self._buffer.spend(inline.size, f"the data of {table.what}")
        return inline

    def _attachment(
        self, table: Table, buffers: list[NDArray[np.uint8] | None]
    ) -> tuple[str, NDArray[np.uint8] | None]:
        buffer = int(table.scalar(1, "I", 0))
        if buffer >= len(buffers):
            raise ModelFileError(f"{table.what} names buffer {buffer}, and there are {len(buffers)}")
        return table.text(0, f"{table.what}.name") or "", buffers[buffer]

    def _subgraph(
        self,
        index: int,
        table: Table,
        codes: list[tuple[str, int, bool]],
        buffers: list[NDArray[np.uint8] | None],
    ) -> Subgraph:
        tensors = tuple(
            self._tensor(position, entry, buffers)
            for position, entry in enumerate(table.tables(0, f"{table.what}.tensors"))
        )
        operators = tuple(
            self._operator(position, entry, codes, len(tensors))
            for position, entry in enumerate(table.tables(3, f"{table.what}.operators"))
        )
        return Subgraph(
            index=index,
            name=table.text(4, f"{table.what}.name") or "",
            tensors=tensors,
            operators=operators,
            inputs=self._indices(table, 1, "inputs", len(tensors), lowest=0),
            outputs=self._indices(table, 2, "outputs", len(tensors), lowest=0),
        )

    def _indices(self, table: Table, number: int, what: str, num_tensors: int, *, lowest: int = -1) -> tuple[int, ...]:
        indices = self._integers(table, number, "int32", what)
        wrong = next((index for index in indices if not lowest <= index < num_tensors), None)
        if wrong is not None:
            raise ModelFileError(f"{table.what}.{what} names tensor {wrong}, and there are {num_tensors}")
        return indices

    def _integers(self, table: Table, number: int, dtype: str, what: str) -> tuple[int, ...]:
        values = table.numbers(number, dtype, f"{table.what}.{what}")
        if values is None:
            return ()
        self._buffer.spend(values.size, f"{table.what}.{what}")
        return tuple(values.tolist())

    def _tensor(self, index: int, table: Table, buffers: list[NDArray[np.uint8] | None]) -> Tensor:
        code = int(table.scalar(1, "b", 0))
        if code not in TYPE_NAMES:
            raise ModelFileError(f"{table.what} has the type {code}, which this version of LiteRT does not know")
        buffer_index = int(table.scalar(2, "I", 0))
        if buffer_index >= max(len(buffers), 1):
            raise ModelFileError(f"{table.what} names buffer {buffer_index}, and there are {len(buffers)}")
        quantization = table.table(4, f"{table.what}.quantization")
        scale, zero_point, dimension, blockwise = _quantization(quantization)
        shape = self._integers(table, 0, "int32", "shape")
        tensor = Tensor(
            index=index,
            name=table.text(3, f"{table.what}.name") or "",
            shape=shape,
            shape_signature=self._integers(table, 7, "int32", "shape_signature") or shape,
            type=TYPE_NAMES[code],
            scale=scale,
            zero_point=zero_point,
            quantized_dimension=dimension,
            is_variable=bool(table.scalar(5, "?", False)),
            is_sparse=table.table(6, f"{table.what}.sparsity") is not None,
            blockwise=blockwise,
            buffer=buffer_index,
            _constant=buffers[buffer_index] if buffers else None,
        )
        check_tensor(tensor, table.what)
        self._buffer.spend(tensor.scale.size + tensor.zero_point.size, f"the quantization of {table.what}")
        self._buffer.spend(tensor.num_constant_bytes * ENTRIES_PER_BYTE // _SHARED_AT_MOST, f"the data of {table.what}")
        return tensor

    def _operator(self, index: int, table: Table, codes: list[tuple[str, int, bool]], num_tensors: int) -> Operator:
        code = int(table.scalar(0, "I", 0))
        if code >= len(codes):
            raise ModelFileError(f"{table.what} names operator code {code}, and there are {len(codes)}")
        name, version, is_custom = codes[code]
        return Operator(
            index=index,
            op=name,
            version=version,
            inputs=self._indices(table, 1, "inputs", num_tensors),
            outputs=self._indices(table, 2, "outputs", num_tensors),
            options=read_options(table),
            intermediates=self._indices(table, 8, "intermediates", num_tensors),
            is_custom=is_custom,
        )

    def _signature(self, table: Table, graphs: tuple[Subgraph, ...]) -> Signature:
        subgraph = int(table.scalar(4, "I", 0))
        if subgraph >= len(graphs):
            raise ModelFileError(f"{table.what} names subgraph {subgraph}, and there are {len(graphs)}")
        num_tensors = len(graphs[subgraph].tensors)
        inputs, outputs = (
            {
                entry.text(0, f"{entry.what}.name") or "": self._tensor_index(entry, num_tensors)
                for entry in table.tables(number, f"{table.what}.{what}")
            }
            for number, what in ((0, "inputs"), (1, "outputs"))
        )
        key = table.text(2, f"{table.what}.signature_key") or ""
        return Signature(key=key, subgraph=subgraph, inputs=inputs, outputs=outputs)

    def _tensor_index(self, table: Table, num_tensors: int) -> int:
        index = int(table.scalar(1, "I", 0))
        if index >= num_tensors:
            raise ModelFileError(f"{table.what} names tensor {index}, and there are {num_tensors}")
        return index


def _quantization(
    table: Table | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], int, bool]:
    scale: NDArray[np.float32] = np.zeros(0, np.float32)
    zero_point: NDArray[np.int64] = np.zeros(0, np.int64)
    if table is None:
        return scale, zero_point, 0, False
    stored_scale = table.numbers(2, "float32", f"{table.what}.scale")
    stored_zero_point = table.numbers(3, "int64", f"{table.what}.zero_point")
    if stored_scale is not None and stored_scale.size:
        scale = stored_scale
        zero_point = np.zeros(scale.shape, np.int64)
        if stored_zero_point is not None and stored_zero_point.size:
            zero_point = stored_zero_point
        if zero_point.size == 1 and scale.size > 1:
            zero_point = np.broadcast_to(zero_point, scale.shape)
        if zero_point.size != scale.size:
            raise ModelFileError(f"{table.what} has {scale.size} scales and {zero_point.size} zero points")
    return scale, zero_point, int(table.scalar(6, "i", 0)), int(table.scalar(4, "B", 0)) != 0
