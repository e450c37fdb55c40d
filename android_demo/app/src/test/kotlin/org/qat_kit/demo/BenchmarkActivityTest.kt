package org.qat_kit.demo

import android.content.Intent
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.qat_kit.inference.Cases
import org.qat_kit.inference.Json
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment

@RunWith(RobolectricTestRunner::class)
class BenchmarkActivityTest {
    private val application get() = RuntimeEnvironment.getApplication() as TestApplication
    private val out get() = File(application.getExternalFilesDir(null), "device.json")

    @Before
    fun needLiteRt() = Cases.needLiteRt("BenchmarkActivityTest")

    private fun headless(bundle: String, runs: Int = 20) = Intent(application, BenchmarkActivity::class.java)
        .putExtra(BenchmarkActivity.BUNDLE, bundle)
        .putExtra(BenchmarkActivity.OUT, "device.json")
        .putExtra(BenchmarkActivity.RUNS, runs)

    @Test
    fun `started from a computer, it writes the kit's JSON with every engine`() {
        val screen = Robolectric.buildActivity(BenchmarkActivity::class.java, headless("assets")).setup().get()
        await("the benchmark") { screen.text(R.id.status) == screen.getString(R.string.done) }
        val text = out.readText()
        File(System.getProperty("out") ?: "build", "device.json").writeText(text)
        val models = ((Json.parse(text) as Map<*, *>)["models"] as List<*>).map { (it as Map<*, *>)["name"] }
        assertEquals(listOf("int8_tflite", "int8_tflite xnnpack×2", "float32_tflite"), models)
        assertTrue("arm" !in text || "battery" in text)
        assertFalse(File(out.path + ".partial").exists())
        screen.screenshot("benchmark")
    }

    @Test
    fun `rotation in mid-run loses nothing`() {
        val controller = Robolectric.buildActivity(BenchmarkActivity::class.java, headless("assets", runs = 3000)).setup()
        await("the first step") { "of" in controller.get().text(R.id.status) && controller.get().text(R.id.status).contains(":") }
        controller.configurationChange(android.content.res.Configuration(application.resources.configuration).apply {
            orientation = android.content.res.Configuration.ORIENTATION_LANDSCAPE
        })
        await("the benchmark") { controller.get().text(R.id.status) == application.getString(R.string.done) }
        assertTrue("\"num_runs\": 3000" in out.readText())
    }

    @Test
    fun `stopped by hand, it keeps what was measured and says so`() {
        val controller = Robolectric.buildActivity(BenchmarkActivity::class.java, headless("assets", runs = 20_000)).setup()
        val screen = controller.get()
        await("the second engine") { "xnnpack×2" in screen.text(R.id.status) }
        screen.view<android.widget.Button>(R.id.start).performClick()
        await("the end") { screen.text(R.id.status) == screen.getString(R.string.ended_early) }
        assertTrue("\"partial\": \"true\"" in out.readText())
    }

    @Test
    fun `after the end of the process it begins anew`() {
        val state = android.os.Bundle().apply { putBoolean("running", true) }
        val controller = Robolectric.buildActivity(BenchmarkActivity::class.java, headless("assets"))
        controller.setup(state)
        await("the benchmark") { controller.get().text(R.id.status) == application.getString(R.string.done) }
    }

    @Test
    fun `a bundle that is none is told on the screen and in a file`() {
        val screen = Robolectric.buildActivity(BenchmarkActivity::class.java, headless("/nowhere")).setup().get()
        await("the end") { "manifest.json" in screen.text(R.id.status) }
        assertTrue("manifest.json" in File(out.path + ".error").readText())
        assertFalse(out.exists())
    }

    @Test
    fun `too little memory in mid-run is told`() {
        application.fault = OutOfMemoryError("no room")
        val screen = Robolectric.buildActivity(BenchmarkActivity::class.java, headless("assets")).setup().get()
        await("the end") { screen.text(R.id.status) == screen.getString(R.string.out_of_memory) }
    }

    @Test
    fun `opened by hand, it waits to be started`() {
        val screen = Robolectric.buildActivity(BenchmarkActivity::class.java).setup().get()
        assertEquals(screen.getString(R.string.waiting), screen.text(R.id.status))
        assertFalse(screen.view<android.widget.Button>(R.id.share).isEnabled)
    }
}
