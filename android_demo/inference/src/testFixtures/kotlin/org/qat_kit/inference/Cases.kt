package org.qat_kit.inference

import java.io.File
import org.junit.Assume.assumeTrue

/** What the kit wrote for these tests (scripts/android_cases, scripts/update_android_demo). */
object Cases {
    /** The bundle that the app carries. */
    val bundleFolder: File
        get() = File(System.getProperty("bundle") ?: "../app/src/main/assets/bundle")

    fun bundle(): Bundle = Bundle.open(FolderSource(bundleFolder))

    fun bytes(name: String): ByteArray =
        checkNotNull(javaClass.getResourceAsStream("/cases/$name")) { "no case $name" }.use { it.readBytes() }

    fun arrays(name: String): Map<String, NpyArray> = Npz.read(bytes(name))

    /** Leaves a test out, and says so, where there is no LiteRT to run models with. */
    fun needLiteRt(test: String) {
        if (!DesktopEngine.isAvailable) println("\nNOT RUN: $test: LiteRT's library was not found")
        assumeTrue(DesktopEngine.isAvailable)
    }
}

/** The numbers of row [number] along the first dimension. */
fun NpyArray.row(number: Int): DoubleArray {
    val size = values.size / shape.first()
    return values.copyOfRange(number * size, (number + 1) * size)
}

fun DoubleArray.floats() = FloatArray(size) { this[it].toFloat() }

fun DoubleArray.ints() = IntArray(size) { this[it].toInt() }
