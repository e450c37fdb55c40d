"""What builds the Android demo where Gradle is not to be had: Maven fetches, kotlinc compiles, JUnit runs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
DEMO = CHECKOUT / "android_demo"
BUILD = CHECKOUT / "build" / "android"

# Short runs on few cores: the quick compiler of the JVM, one thread to collect garbage.
_JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx1500m")


class NotRunError(Exception):
    """Something that the machine lacks, so that a stage could not run; says what, and how to get it."""


class FailedError(Exception):
    """A stage ran and failed."""


def run(command: Sequence[str | Path], *, error: type[Exception] = FailedError) -> str:
    """What the command prints; raises with its output where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        shown = " ".join(Path(part).name for part in command[:3])
        raise error(f"{shown} … ended with {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def needs(*tools: str, how: str) -> None:
    """Raises NotRunError where one of the commands is not there."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise NotRunError(f"no {' and no '.join(missing)} on this machine; {how}")


def catalogue_version(name: str) -> str:
    """A version of gradle/libs.versions.toml, so that Gradle and this script agree."""
    with (DEMO / "gradle/libs.versions.toml").open("rb") as file:
        return str(tomllib.load(file)["versions"][name])


def fetched(profile: str) -> list[Path]:
    """The jars of a profile of tools/pom.xml; an .aar's classes.jar stands for it. Raises NotRunError offline."""
    pom = DEMO / "tools/pom.xml"
    folder = BUILD / "lib" / profile
    kotlin = f"-Dkotlin.version={catalogue_version('kotlin')}"
    stamp = folder / "fetched"
    wanted = hashlib.sha256(pom.read_bytes() + kotlin.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
        command = ["mvn", "-q", "-B", "-f", str(pom), f"-P{profile}", kotlin, goal, f"-DoutputDirectory={folder}"]
        run(command, error=NotRunError)
        for archive in folder.glob("*.aar"):
            with zipfile.ZipFile(archive) as opened:
                (folder / f"{archive.stem}.jar").write_bytes(opened.read("classes.jar"))
        stamp.write_text(wanted)
    return sorted(folder.glob("*.jar"))


def compile_kotlin(
    name: str, sources: Sequence[Path], classpath: Sequence[Path], *, options: Sequence[str] = ()
) -> Path:
    """A folder of classes, made anew only where sources, classpath or compiler changed. Warnings are errors."""
    compiler = fetched("kotlin")
    out = BUILD / "classes" / name
    files = sorted(file for source in sources for file in source.rglob("*.kt"))
    wanted = _fingerprint([*files, *_classes(classpath)], [str(path) for path in (*compiler, *classpath)], options)
    stamp = out.with_suffix(".stamp")
    if stamp.exists() and stamp.read_text() == wanted:
        return out
    shutil.rmtree(out, ignore_errors=True)
    run(
        [
            *_JAVA,
            "-cp",
            joined(compiler),
            "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
            *("-no-stdlib", "-no-reflect", "-Werror", "-jvm-target", "11", "-module-name", name),
            *options,
            *("-cp", joined(classpath), "-d", str(out)),
            *map(str, files),
        ]
    )
    stamp.write_text(wanted)
    return out


def java(classpath: Sequence[Path], main: str, *arguments: str) -> str:
    """What a Java program prints."""
    return run([*_JAVA, "-cp", joined(classpath), main, *arguments])


def compile_java(name: str, source: Path, classpath: Sequence[Path]) -> Path:
    """A folder of classes; for what aapt2 generates."""
    out = BUILD / "classes" / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files = map(str, source.rglob("*.java"))
    run(["javac", "-nowarn", "--release", "11", "-cp", joined(classpath), "-d", str(out), *files])
    return out


def junit(name: str, classes: Path, classpath: Sequence[Path], *, properties: dict[str, str]) -> tuple[int, int]:
    """(tests run, tests left out) of all classes called …Test; raises FailedError with JUnit's report."""
    tests = sorted(file.stem for file in classes.rglob("*Test.class"))
    packages = {file.stem: ".".join(file.relative_to(classes).parent.parts) for file in classes.rglob("*Test.class")}
    defined = [f"-D{key}={value}" for key, value in properties.items()]
    # Robolectric makes Android's files and sounds of Java's own.
    opened = (
        "java.io",
        "java.lang",
        "java.lang.reflect",
        "java.net",
        "java.nio",
        "java.text",
        "java.util",
        "sun.nio.ch",
    )
    defined += [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opened]
    out = run(
        [
            *_JAVA,
            *defined,
            "-cp",
            joined([classes, *classpath]),
            "org.junit.runner.JUnitCore",
            *(f"{packages[test]}.{test}" for test in tests),
        ]
    )
    (BUILD / f"{name}.txt").write_text(out)
    found = re.search(r"^OK \((\d+) tests?\)", out, re.MULTILINE)
    if not found:
        raise FailedError(f"JUnit ran no test of {name}:\n{out[-3000:]}")
    # JUnitCore draws an I for a test that is ignored; assumptions that do not hold print nothing, so tests say it.
    return int(found[1]), len(re.findall(r"^NOT RUN: ", out, re.MULTILINE))


def joined(paths: Iterable[Path]) -> str:
    """A class path."""
    return os.pathsep.join(map(str, paths))


def _classes(classpath: Sequence[Path]) -> list[Path]:
    """What was compiled here; fetched jars are told apart by their names."""
    return sorted(file for path in classpath if path.is_dir() for file in path.rglob("*.class"))


def _fingerprint(files: Sequence[Path], *words: Sequence[str]) -> str:
    digest = hashlib.sha256(repr(words).encode())
    for file in files:
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()
