"""The Android demo, compiled, tested and packed without Gradle; see scripts/test_android."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from android_apk import android_tools, judge, link_resources, pack
from android_tools import BUILD, DEMO, FailedError, NotRunError, compile_java, compile_kotlin, fetched, junit, needs

from qat_kit.results import Measurement

_JAVA_HOW = "install a JDK of 17 or newer and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)"


def inference() -> str:
    """The pure-JVM module and its tests; where LiteRT's library is there, whole models run."""
    stdlib = fetched("test")
    main = compile_kotlin("inference", [DEMO / "inference/src/main/kotlin"], stdlib)
    tests = compile_kotlin(
        "inference_test",
        [DEMO / "inference/src/testFixtures/kotlin", DEMO / "inference/src/test/kotlin"],
        [main, *stdlib],
        options=[f"-Xfriend-paths={main}"],
    )
    ran, left_out = junit(
        "inference",
        tests,
        [main, DEMO / "inference/src/test/resources", *stdlib],
        properties={**_litert(), "bundle": str(DEMO / "app/src/main/assets/bundle"), "out": str(BUILD)},
    )
    Measurement.load(BUILD / "measurement.json")
    return f"{ran} tests passed" + (f", {left_out} of them could not run" if left_out else "")


def _app_classes() -> tuple[Path, list[Path], list[Path], list[Path]]:
    """(resources.apk, the app's classes, what it is compiled against, the framework)."""
    android_tools()
    resources, generated = link_resources()
    framework, runtime, stdlib = fetched("android"), fetched("runtime"), _stdlib()
    library = compile_kotlin("inference", [DEMO / "inference/src/main/kotlin"], fetched("test"))
    numbers = compile_java("resources", generated, framework)
    against = [library, numbers, *runtime, *stdlib]
    app = compile_kotlin("app", [DEMO / "app/src/main/kotlin"], [*against, *framework])
    return resources, [app, numbers], against, framework


def _stdlib() -> list[Path]:
    return [path for path in fetched("test") if path.name.startswith("kotlin-stdlib")]


def apk() -> str:
    """The app, compiled against the framework and the runtime, packed and judged."""
    resources, app, against, framework = _app_classes()
    abi = "arm64-v8a"
    return judge(pack(resources, [*app, *against[:1], *against[2:]], framework, abi=abi), abi)


def screens() -> str:
    """The activities under Robolectric: launched, turned, fed with bad bundles, drawn."""
    resources, app, against, framework = _app_classes()
    config = BUILD / "robolectric/com/android/tools/test_config.properties"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"android_merged_manifest={BUILD}/resources/AndroidManifest.xml\n"
        f"android_merged_assets={DEMO}/app/src/main/assets\n"
        f"android_resource_apk={resources}\nandroid_custom_package=org.qat_kit.demo\n"
    )
    (robolectric_framework,) = {path.parent for path in fetched("robolectric-framework")}
    libraries = [*fetched("robolectric"), *fetched("test")]
    tests = compile_kotlin(
        "app_test",
        # The instrumentation test is compiled here and runs on devices.
        [DEMO / "inference/src/testFixtures/kotlin", DEMO / "app/src/test/kotlin", DEMO / "app/src/androidTest/kotlin"],
        [*app, *against, *libraries, *framework],
        options=[f"-Xfriend-paths={app[0]},{against[0]}"],
    )
    resources_of_tests = [DEMO / "app/src/test/resources", DEMO / "inference/src/test/resources"]
    ran, left_out = junit(
        "screens",
        tests,
        [*app, *against, *resources_of_tests, BUILD / "robolectric", *libraries, *framework],
        properties={
            **_litert(),
            "bundle": str(DEMO / "app/src/main/assets/bundle"),
            "out": str(BUILD),
            "robolectric.offline": "true",
            "robolectric.dependency.dir": str(robolectric_framework),
        },
    )
    Measurement.load(BUILD / "device.json")
    return f"{ran} tests passed" + (f", {left_out} of them could not run" if left_out else "")


def _litert() -> dict[str, str]:
    found = find_spec("ai_edge_litert")
    library = Path(found.submodule_search_locations[0]) / "libLiteRt.so" if found else None
    return {"litert": str(library)} if library and library.exists() else {}


STAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "inference": ("the module inference/, its golden cases, and whole models on the JVM", inference),
    "screens": ("the app's activities under Robolectric", screens),
    "apk": ("the app, compiled, packed and signed", apk),
}


def main() -> int:
    """Runs the stages that are asked for and reports on each; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", choices=[*STAGES, []], help="all where none is named")
    chosen = parser.parse_args().stages or list(STAGES)
    reports: list[tuple[str, str]] = []
    for name in chosen:
        about, stage = STAGES[name]
        start = time.monotonic()
        try:
            needs("java", "mvn", how=_JAVA_HOW)
            report = f"passed    {name}: {stage()}, {time.monotonic() - start:.0f} s"
        except NotRunError as error:
            report = f"NOT RUN   {name} ({about}): {error}"
        except FailedError as error:
            report = f"FAILED    {name} ({about}): {error}"
        print(report, flush=True)
        reports.append((report.split()[0], report))
    if any(word == "FAILED" for word, _ in reports):
        return 1
    not_run = [report for word, report in reports if word == "NOT"]
    if not_run:
        print(f"\nThe Android demo is NOT fully tested: {len(not_run)} of {len(chosen)} stages did not run.")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
