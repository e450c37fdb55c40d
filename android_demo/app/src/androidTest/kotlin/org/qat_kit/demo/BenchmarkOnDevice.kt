package org.qat_kit.demo

import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.qat_kit.inference.Agreement
import org.qat_kit.inference.BenchmarkPlan

/**
 * The measurement of `BenchmarkActivity` as an instrumentation test, for device farms: `./gradlew connectedAndroidTest`.
 *
 * It writes `instrumented.json` into the app's external files.
 */
class BenchmarkOnDevice {
    @Test
    fun theBundleOfTheAppIsMeasuredOnEveryEngine() {
        val context = InstrumentationRegistry.getInstrumentation().targetContext
        val run = BenchmarkRun(context, Bundles(context).own(), BenchmarkPlan())
        val found = run.measure(onProgress = {}, onResult = {})
        File(context.getExternalFilesDir(null), "instrumented.json").writeText(found.toJson())
        assertFalse(found.isPartial)
        val first = found.measured.first()
        assertTrue(first.golden.joinToString { it.sentence }, first.golden.any { it.agreement != Agreement.DIFFERENT })
        assertTrue("${first.accuracy?.proportion}", first.accuracy!!.proportion.value > 0.9)
    }
}
