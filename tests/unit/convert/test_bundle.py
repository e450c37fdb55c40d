"""A bundle holds what an app needs; C source compiles, and is the file that tflite-micro runs as the reference does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.convert import build_manifest, golden_vectors, publish, write_metadata
from qat_kit.convert.bundle import bundle_app
from qat_kit.convert.c_array import bundle_c_array
from qat_kit.errors import DataError
from qat_kit.litert.micro_arena import micro_arena_bytes
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Manifest, decode_all
from qat_kit.verify import verify
from tests.support.conversion import conv, converted_bytes, fake
from tests.support.tflite import Builder, int8_network, shared_file
from tests.support.tflite_micro import run_on_micro

NAMES = ("round", "straight", "crooked")


def artifact(folder: Path, content: bytes, *, name: str = "Tiny net", file_name: str = "model.tflite") -> Path:
    """What a run leaves of a file."""
    candidate = folder / "candidate"
    folder.mkdir(parents=True, exist_ok=True)
    candidate.write_bytes(content)
    write_metadata(candidate, verify(candidate), name=name, scores="logits", class_names=NAMES)
    manifest = build_manifest(
        candidate,
        verify(candidate),
        name=name,
        task=None,
        scores="logits",
        class_names=NAMES,
        calibration=None,
        golden=golden_vectors(candidate, None),
        scheme="w8a8",
        target="tflite_micro",
        seed=0,
        determinism="",
        settings={},
        file_name=file_name,
        others=[("float32", candidate)],
    )
    publish(candidate, manifest, folder, manifest_name=f"manifest{file_name[5:-7]}.json")
    candidate.unlink()
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return artifact(tmp_path / "run", int8_network())


def compiled(folder: Path, name: str, compiler: list[str], main: str) -> bytes:
    """What a program prints that is compiled with the array, each warning an error."""
    source = folder / f"main{'.cc' if compiler[0] == 'g++' else '.c'}"
    source.write_text(main)
    language = ["-x", "c++"] if compiler[0] == "g++" else []
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-I", str(folder), *language]
    inputs = [str(source), str(folder / f"{name}_model.c")]
    subprocess.run([*compiler, *flags, *inputs, "-o", str(folder / "program")], check=True)
    return subprocess.run([str(folder / "program")], check=True, capture_output=True).stdout


DUMP = """
#include <stdint.h>
#include <stdio.h>
#include "tiny_net_model.h"
int main(void) {
  if ((uintptr_t)tiny_net_model % 16) return 1;
  return fwrite(tiny_net_model, 1, TINY_NET_MODEL_SIZE_BYTES, stdout) != TINY_NET_MODEL_SIZE_BYTES;
}
"""
FACTS = """
#include <cstdio>
#include "tiny_net_model.h"
struct Resolver {
  void AddConv2D() { std::puts("CONV_2D"); }
  void AddDepthwiseConv2D() { std::puts("DEPTHWISE_CONV_2D"); }
  void AddFullyConnected() { std::puts("FULLY_CONNECTED"); }
  void AddReshape() { std::puts("RESHAPE"); }
  void AddSoftmax() { std::puts("SOFTMAX"); }
};
int main() {
  Resolver resolver;
  TINY_NET_ADD_OPERATORS(resolver);
  std::printf("%d %d\\n", TINY_NET_NUM_OPERATORS, TINY_NET_ARENA_SIZE_BYTES);
  std::printf("%.9g %d %.9g %d\\n", TINY_NET_INPUT_SCALE, TINY_NET_INPUT_ZERO_POINT, TINY_NET_OUTPUT_SCALE,
              TINY_NET_OUTPUT_ZERO_POINT);
}
"""


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["gcc", "-std=c11"], ["g++", "-std=c++11"]])
def test_the_array_is_the_file_and_gives_the_golden_outputs_on_tflite_micro(
    run: Path, compiler: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "c"
    header, source = bundle_c_array(run, out)
    assert (header.name, source.name) == ("tiny_net_model.h", "tiny_net_model.c")
    if compiler[1] == "-std=c99":
        compiler = [*compiler, "-Wno-pedantic"]
    content = compiled(out, "tiny_net", compiler, DUMP)
    model = read_model(content)
    assert "TFLITE_METADATA" not in model.metadata
    assert b"straight" not in content
    golden = Manifest.load(run / "manifest.json").golden
    assert golden is not None
    expected = golden.outputs["reference"]["softmax"].array()
    for index, codes in enumerate(decode_all(golden.inputs)["pixels"]):
        (answer,) = run_on_micro(content, [codes[None]])
        np.testing.assert_array_equal(answer[0], expected[index])


def test_the_header_says_what_an_app_must_know(run: Path, tmp_path: Path) -> None:
    bundle_c_array(run, tmp_path / "c")
    *operators, sizes, ends = compiled(tmp_path / "c", "tiny_net", ["g++", "-std=c++11"], FACTS).decode().splitlines()
    graph = read_model(int8_network()).subgraphs[0]
    assert operators == sorted({operator.op for operator in graph.operators})
    count, arena = map(int, sizes.split())
    assert count == len(operators)
    assert 1.1 * micro_arena_bytes(graph) <= arena <= 1.1 * micro_arena_bytes(graph) + 16
    assert ends == "0.0078125 -128 0.00390625 -128"
    told = "24 of 24 golden outputs are those of LiteRT's reference kernels."
    assert told in (tmp_path / "c" / "tiny_net_model.h").read_text()


def test_the_header_says_where_tflite_micro_rounds_otherwise(tmp_path: Path) -> None:
    # Times 0.3, rounded to halves first: 1.2 becomes 1, and 1.4 becomes 1.5 and then 2.
    graph = Builder()
    x = graph.tensor("x", [1, 64], "INT8", scale=[1.0], zero_point=[0])
    codes = np.eye(64, dtype=np.int8)
    w = graph.tensor("w", [64, 64], "INT8", scale=[0.3] * 64, zero_point=[0] * 64, data=codes)
    y = graph.tensor("y", [1, 64], "INT8", scale=[1.0], zero_point=[0])
    graph.op("FULLY_CONNECTED", [x, w, -1], [y], options=schema.FullyConnectedOptionsT(), version=4)
    run = artifact(tmp_path / "run", graph.bytes([x], [y]))
    header, _ = bundle_c_array(run, tmp_path / "c")
    golden = Manifest.load(run / "manifest.json").golden
    assert golden is not None
    inputs, expected = golden.inputs["x"].array(), golden.outputs["reference"]["y"].array()
    answers = np.concatenate([run_on_micro(graph.bytes([x], [y]), [sample[None]])[0] for sample in inputs])
    same = int((answers == expected).sum())
    assert same < expected.size
    told = f"{same} of {expected.size} golden outputs are those of LiteRT's reference kernels; the others are off by 1"
    assert told in header.read_text()


MEASURE = """
import sys
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
interpreter.invoke()
"""


def fits(path: Path, arena_bytes: int) -> bool:
    """Whether tflite-micro runs the file in such an arena; in a process of its own, since it may abort."""
    import sys

    command = [sys.executable, "-c", MEASURE, str(path), str(arena_bytes)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "largest"),
    [
        ("tflite-micro__micro_speech_quantized.tflite", 1.3),
        ("tflite-micro__person_detect.tflite", 1.1),
        ("tflite-micro__transpose_conv2.tflite", 1.1),
        ("tinyengine__detection.tflite", 1.1),
        ("tinyengine__ptq_mnist_lenet-300-100.tflite", 1.35),
        ("tinyengine__vww.tflite", 1.1),
        ("mean", 1.5),
    ],
)
def test_the_arena_is_large_enough_and_not_much_larger(name: str, largest: float, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 alone")
    import tensorflow as tf

    path = tmp_path / "model.tflite"
    if name == "mean":
        path.write_bytes(
            converted_bytes(lambda x: fake(tf.reduce_mean(fake(conv(fake(x)) + fake(x)), [1, 2])), (1, 8, 8, 4))
        )
    else:
        path.write_bytes(shared_file(name).read_bytes())
    needed = micro_arena_bytes(read_model(path).subgraphs[0])
    assert fits(path, needed)
    assert not fits(path, int(needed / largest))


def test_an_app_gets_model_manifest_labels_and_samples(run: Path, tmp_path: Path) -> None:
    np.savez(run / "evaluation.npz", inputs=np.zeros((2, 4, 4, 2), np.float32))
    files = bundle_app(run, tmp_path / "app")
    assert [file.name for file in files] == ["model.tflite", "manifest.json", "labels.txt", "evaluation.npz"]
    assert (tmp_path / "app" / "labels.txt").read_text().splitlines() == list(NAMES)
    assert files[0].read_bytes() == (run / "model.tflite").read_bytes()
    whole, kept = (json.loads((folder / "manifest.json").read_text()) for folder in (run, tmp_path / "app"))
    assert kept == {**whole, "files": whole["files"][:1]}
    assert bundle_app(tmp_path / "app", tmp_path / "again")[0].read_bytes() == files[0].read_bytes()


def test_one_artifact_of_several_is_named_by_its_manifest(tmp_path: Path) -> None:
    folder = artifact(tmp_path, int8_network(), file_name="model.a.tflite")
    assert bundle_app(folder, tmp_path / "one")[0].name == "model.a.tflite"
    artifact(tmp_path, int8_network(seed=1), file_name="model.b.tflite")
    with pytest.raises(DataError, match=r"several artifacts \(manifest\.a\.json, manifest\.b\.json\): name the mani"):
        bundle_app(folder, tmp_path / "two")
    assert bundle_app(folder / "manifest.b.json", tmp_path / "two")[0].name == "model.b.tflite"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no artifact"):
        bundle_app(tmp_path / "empty", tmp_path / "two")


def test_a_file_that_is_not_the_manifests_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "model.tflite").write_bytes(int8_network(seed=3))
    for bundle in (bundle_app, bundle_c_array):
        with pytest.raises(DataError, match=r"model\.tflite is not the file that manifest\.json describes"):
            bundle(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("op", "kind", "words"),
    [
        ("RELU", "FLOAT32", r"integer throughout, and 'x' is float"),
        ("GELU", "INT8", r"tflite-micro has no kernel for GELU"),
    ],
)
def test_what_tflite_micro_cannot_run_becomes_no_array(op: str, kind: str, words: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {} if kind == "FLOAT32" else {"scale": [1.0], "zero_point": [0]}
    graph = Builder()
    x, y = (graph.tensor(name, [1, 3], kind, **options) for name in "xy")
    graph.op(op, [x], [y])
    with pytest.raises(DataError, match=words):
        bundle_c_array(artifact(tmp_path, graph.bytes([x], [y])), tmp_path / "out")
