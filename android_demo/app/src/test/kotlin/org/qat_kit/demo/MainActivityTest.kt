package org.qat_kit.demo

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.view.View
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.qat_kit.inference.Cases
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
class MainActivityTest {
    private val application get() = RuntimeEnvironment.getApplication() as TestApplication

    @Before
    fun needLiteRt() = Cases.needLiteRt("MainActivityTest")

    private fun launched() = Robolectric.buildActivity(MainActivity::class.java).setup()

    private fun draw(screen: Activity) =
        screen.view<DrawView>(R.id.draw).drawn(0.25f to 0.15f, 0.75f to 0.15f, 0.45f to 0.9f)

    private fun says(words: String) = launched().get().run {
        assertEquals(View.VISIBLE, view<TextView>(R.id.message).visibility)
        assertTrue(text(R.id.message), words in text(R.id.message))
        assertNull("nothing may be offered", button(R.string.next_sample))
    }

    @Test
    fun `the app's bundle opens, offers what it calls for and tells of the golden vectors`() {
        val screen = launched().get()
        assertEquals("digits", screen.text(R.id.title))
        assertEquals(View.VISIBLE, screen.view<View>(R.id.draw).visibility)
        assertNotNull(screen.button(R.string.clear))
        for (other in listOf(R.string.take_picture, R.string.listen, R.string.move)) assertNull(screen.button(other))
        assertTrue(screen.text(R.id.golden), "xnnpack on x86_64" in screen.text(R.id.golden))
    }

    @Test
    fun `a digit that is drawn is named, survives rotation and the end of the process, and is cleared`() {
        val controller = launched()
        draw(controller.get())
        val answer = controller.get().answer
        assertTrue(answer, answer.startsWith("7: "))
        controller.get().screenshot("draw")
        controller.recreate()
        assertEquals(answer.substringBefore(". "), controller.get().answer.substringBefore(". "))

        val state = android.os.Bundle()
        controller.saveInstanceState(state).pause().stop().destroy()
        val fresh = Robolectric.buildActivity(MainActivity::class.java).setup(state).get()
        assertEquals(answer.substringBefore(". "), fresh.answer.substringBefore(". "))
        fresh.button(R.string.clear)!!.performClick()
        assertEquals(fresh.getString(R.string.result_nothing), fresh.answer)
    }

    @Test
    fun `the samples of the bundle are shown one after the other`() {
        val screen = launched().get()
        repeat(3) { screen.button(R.string.next_sample)!!.performClick() }
        assertTrue(screen.text(R.id.message), screen.text(R.id.message).startsWith("Sample 3 of 64; it is: "))
        val label = screen.text(R.id.message).substringAfter("it is: ")
        assertTrue(screen.answer, screen.answer.startsWith("$label: "))
        assertTrue(screen.answer, screen.answer.endsWith(" ms"))
    }

    @Test
    @Config(qualifiers = "w914dp-h411dp-land-night")
    fun `it is drawn in the dark and lying on its side`() {
        val screen = launched().get()
        draw(screen)
        screen.screenshot("draw_dark")
        assertTrue(screen.answer.startsWith("7: "))
    }

    @Test
    fun `a damaged model is told`() {
        pickedBundle(application, "model.tflite") { it.copyOf(it.size / 2) }
        says("is damaged")
    }

    @Test
    fun `a model that is none, with the hash that the manifest states, is told`() {
        val junk = ByteArray(30346) { it.toByte() }
        pickedBundle(application, "model.tflite") { junk }
        val digest = java.security.MessageDigest.getInstance("SHA-256").digest(junk).joinToString("") { "%02x".format(it) }
        val manifest = java.io.File(application.filesDir, "bundle/manifest.json")
        manifest.writeText(manifest.readText().replaceFirst(Regex("\"sha256\": \"[0-9a-f]+\""), "\"sha256\": \"$digest\""))
        says("is damaged")
    }

    @Test
    fun `a newer manifest is told`() {
        pickedBundle(application, "manifest.json") { it.changed("\"format_version\": 2", "\"format_version\": 9") }
        says("Update the app")
    }

    @Test
    fun `labels of another count are told`() {
        pickedBundle(application, "labels.txt") { "yes\nno\n".toByteArray() }
        says("2 class names for 10")
    }

    @Test
    fun `an input of another shape is told`() {
        pickedBundle(application, "manifest.json") { it.changed("8,\n        8,\n        1\n", "8,\n        4,\n        2\n") }
        says("expected int8 [1, 8, 4, 2]")
    }

    @Test
    fun `too little memory is told`() {
        application.fault = OutOfMemoryError("no room")
        says("too little free memory")
    }

    @Test
    fun `a missing native library is told`() {
        application.fault = UnsatisfiedLinkError("no jni")
        says("without LiteRT")
    }

    @Test
    fun `no camera, no microphone and no sensors are told`() {
        val refused = intArrayOf(PackageManager.PERMISSION_DENIED)
        val screen = launched().get()
        screen.onRequestPermissionsResult(1, arrayOf(Manifest.permission.CAMERA), refused)
        assertEquals(screen.getString(R.string.no_camera), screen.text(R.id.message))
        screen.onRequestPermissionsResult(4, arrayOf(Manifest.permission.RECORD_AUDIO), refused)
        assertEquals(screen.getString(R.string.no_microphone), screen.text(R.id.message))
        // Android answers with nothing where the question was broken off.
        screen.onRequestPermissionsResult(1, emptyArray(), IntArray(0))
        assertEquals(screen.getString(R.string.no_camera), screen.text(R.id.message))
    }

    private fun ByteArray.changed(from: String, to: String): ByteArray {
        val text = toString(Charsets.UTF_8)
        check(from in text) { "no “$from” in the manifest" }
        return text.replace(from, to).toByteArray()
    }
}
