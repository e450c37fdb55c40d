"""The Android demo's APK without Gradle: aapt2, R8, zipalign, apksigner; each step judged by Android's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from os import geteuid
from pathlib import Path

from android_tools import BUILD, DEMO, FailedError, NotRunError, fetched, java, needs, run

MIN_SDK, TARGET_SDK = 24, 36
PACKAGE = "org.qat_kit.demo"
MOST_BYTES = 12_000_000
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
_DEBIAN = ("aapt", "zipalign", "apksigner", "android-framework-res")


def android_tools() -> None:
    """Sees to aapt2, zipalign, apksigner and the framework's resources; raises NotRunError where that cannot be."""
    missing = [tool for tool in ("aapt", "aapt2", "zipalign", "apksigner") if shutil.which(tool) is None]
    if (missing or not FRAMEWORK.exists()) and shutil.which("apt-get") and geteuid() == 0:
        run(["apt-get", "update", "-qq"], error=NotRunError)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_DEBIAN]
        run([*command[:1], "-o", "DPkg::Lock::Timeout=120", *command[1:]], error=NotRunError)
    needs("aapt", "aapt2", "zipalign", "apksigner", how=f"on Debian: apt-get install {' '.join(_DEBIAN)}")
    if not FRAMEWORK.exists():
        raise NotRunError(f"no {FRAMEWORK}; on Debian: apt-get install android-framework-res")


def link_resources() -> tuple[Path, Path]:
    """(an APK of resources and assets, a folder with R.java)."""
    folder = BUILD / "resources"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    main = DEMO / "app/src/main"
    # Gradle takes the package's name from build.gradle.kts; aapt2 wants it in the manifest.
    text = (main / "AndroidManifest.xml").read_text().replace("<manifest ", f'<manifest package="{PACKAGE}" ', 1)
    (folder / "AndroidManifest.xml").write_text(text)
    run(["aapt2", "compile", "--dir", str(main / "res"), "-o", str(folder / "compiled.zip")])
    run(
        [
            *("aapt2", "link", "-I", str(FRAMEWORK), "--manifest", str(folder / "AndroidManifest.xml")),
            *("--min-sdk-version", str(MIN_SDK), "--target-sdk-version", str(TARGET_SDK)),
            *("--version-code", "1", "--version-name", "0.1.0", "-A", str(main / "assets"), "-0", ".tflite"),
            *("--java", str(folder / "java"), "-o", str(folder / "resources.apk"), str(folder / "compiled.zip")),
        ]
    )
    return folder / "resources.apk", folder / "java"


def pack(resources: Path, classes: Sequence[Path], framework: Sequence[Path], *, abi: str) -> Path:
    """A signed APK for one ABI, shrunk by R8, with the runtime's native library in it."""
    folder = BUILD / "apk"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    program = [_jar(path, folder) for path in classes]
    java(
        fetched("r8"),
        "com.android.tools.r8.R8",
        *("--release", "--min-api", str(MIN_SDK), "--output", str(folder)),
        *("--pg-conf", str(DEMO / "app/proguard-rules.pro"), "--pg-conf", str(_entry_points(folder))),
        *(part for path in framework for part in ("--lib", str(path))),
        *map(str, program),
    )
    loose = folder / "loose.apk"
    shutil.copy(resources, loose)
    (archive,) = (BUILD / "lib/runtime").glob("tensorflow-lite-2*.aar")
    with zipfile.ZipFile(loose, "a", zipfile.ZIP_DEFLATED) as apk, zipfile.ZipFile(archive) as runtime:
        for dex in sorted(folder.glob("classes*.dex")):
            apk.write(dex, dex.name)
        library = "libtensorflowlite_jni.so"
        apk.writestr(f"lib/{abi}/{library}", runtime.read(f"jni/{abi}/{library}"), compress_type=zipfile.ZIP_DEFLATED)
    aligned, signed = folder / "aligned.apk", BUILD / f"demo-{abi}.apk"
    run(["zipalign", "-f", "-p", "4", str(loose), str(aligned)])
    key = _key()
    options = ["--ks", str(key), "--ks-pass", "pass:android", "--min-sdk-version", str(MIN_SDK)]
    run(["apksigner", "sign", *options, "--out", str(signed), str(aligned)])
    return signed


def judge(apk: Path, abi: str) -> str:
    """What Android's tools say of the APK; raises FailedError where one of them disagrees with what it must be."""
    badging = run(["aapt", "dump", "badging", str(apk)])
    for words in (
        f"package: name='{PACKAGE}'",
        f"sdkVersion:'{MIN_SDK}'",
        f"targetSdkVersion:'{TARGET_SDK}'",
        f"launchable-activity: name='{PACKAGE}.MainActivity'",
        f"native-code: '{abi}'",
    ):
        if words not in badging:
            raise FailedError(f"aapt dump badging of {apk.name} does not say {words}:\n{badging[:2000]}")
    signed = run(["apksigner", "verify", "--verbose", "--min-sdk-version", str(MIN_SDK), str(apk)])
    if not re.search(r"using v2 scheme.*: true", signed):
        raise FailedError(f"{apk.name} has no signature of scheme 2:\n{signed}")
    run(["zipalign", "-c", "-p", "4", str(apk)])
    with zipfile.ZipFile(apk) as opened:
        models = [entry for entry in opened.infolist() if entry.filename.endswith(".tflite")]
    if not models or any(entry.compress_type != zipfile.ZIP_STORED for entry in models):
        raise FailedError(f"{apk.name}: every .tflite must be stored uncompressed, found {models}")
    if apk.stat().st_size > MOST_BYTES:
        raise FailedError(f"{apk.name} has {apk.stat().st_size:,} bytes, {MOST_BYTES:,} at most are wanted")
    return (
        f"{apk.relative_to(BUILD.parent.parent)}, {apk.stat().st_size:,} bytes, signed, {len(models)} models mappable"
    )


def _jar(path: Path, folder: Path) -> Path:
    """R8 takes archives; classes that were compiled here lie in folders."""
    if path.is_file():
        return path
    out = folder / f"{path.name}.jar"
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(path.rglob("*.class")):
            archive.write(file, file.relative_to(path).as_posix())
    return out


def _entry_points(folder: Path) -> Path:
    """What the manifest and the layouts name; Gradle's plugin has aapt2 write the same."""
    rules = folder / "entry.pro"
    constructors = "{ <init>(); <init>(android.content.Context, android.util.AttributeSet); }"
    bases = ("android.app.Activity", "android.app.Application", "android.view.View")
    lines = [f"-keep class {PACKAGE}.** extends {base} {constructors}" for base in bases]
    # The instrumented framework, and what kotlin-stdlib can do beside it, name classes that no phone has.
    rules.write_text("\n".join([*lines, "-dontwarn **", "-dontoptimize"]) + "\n")
    return rules


def _key() -> Path:
    """The key that every developer's machine has for such builds, made anew where it is not there."""
    key = BUILD / "debug.keystore"
    if not key.exists():
        command = ["keytool", "-genkeypair", "-keystore", str(key), "-storepass", "android", "-keypass", "android"]
        command += ["-alias", "androiddebugkey", "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000"]
        try:
            run([*command, "-dname", "CN=Android Debug,O=Android,C=US"])
        except (FailedError, subprocess.SubprocessError) as error:
            raise NotRunError(f"keytool made no key: {error}") from None
    return key
