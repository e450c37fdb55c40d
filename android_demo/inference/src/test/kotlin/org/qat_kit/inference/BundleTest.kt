package org.qat_kit.inference

import java.io.File
import java.nio.ByteBuffer
import kotlin.reflect.KClass
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** A bundle whose files can be spoiled one by one; each fault must be named, and none may pass. */
class BundleTest {
    private class Spoiled(private val changes: Map<String, (ByteArray) -> ByteArray?>) : BundleSource {
        override fun read(name: String): ByteArray? {
            val bytes = File(Cases.bundleFolder, name).takeIf { it.isFile }?.readBytes() ?: return null
            return changes[name]?.invoke(bytes) ?: bytes.takeIf { name !in changes }
        }

        override fun map(name: String): ByteBuffer? = read(name)?.let { ByteBuffer.wrap(it) }
    }

    private fun text(change: (String) -> String): (ByteArray) -> ByteArray =
        { change(it.toString(Charsets.UTF_8)).also { text -> check(text != it.toString(Charsets.UTF_8)) }.toByteArray() }

    private fun <T : BundleException> fails(kind: KClass<T>, words: String, vararg changes: Pair<String, (ByteArray) -> ByteArray?>) {
        val error = assertThrows(kind.java) { Bundle.open(Spoiled(mapOf(*changes))).evaluation }
        assertTrue(error.message, words in error.message.orEmpty())
    }

    @Test
    fun `the app's own bundle opens`() {
        val bundle = Cases.bundle()
        assertEquals("digits", bundle.manifest.name)
        assertEquals(FrontEnd.Counts(8, 8), FrontEnd.of(bundle.manifest))
        assertEquals(64, bundle.evaluation?.size)
        assertTrue(bundle.floatModel!!.remaining() > bundle.model.remaining())
    }

    @Test
    fun `a missing file is named`() {
        fails(BundleException.MissingFile::class, "manifest.json", "manifest.json" to { null })
        fails(BundleException.MissingFile::class, "model.tflite", "model.tflite" to { null })
        assertEquals(null, Bundle.open(Spoiled(mapOf("evaluation.npz" to { null }))).evaluation)
    }

    @Test
    fun `a truncated or changed model is damaged`() {
        fails(BundleException.CorruptModel::class, "bytes of", "model.tflite" to { it.copyOf(1000) })
        fails(BundleException.CorruptModel::class, "SHA-256", "model.tflite" to { it.also { bytes -> bytes[5000]++ } })
    }

    @Test
    fun `a manifest of another version says which of the two is behind`() {
        val newer = text { it.replace("\"format_version\": 2", "\"format_version\": 3") }
        fails(BundleException.NewerManifest::class, "Update the app", "manifest.json" to newer)
        val older = text { it.replace("\"format_version\": 2", "\"format_version\": 1") }
        fails(BundleException.NewerManifest::class, "Make the bundle again", "manifest.json" to older)
    }

    @Test
    fun `a manifest that is none is refused with the place`() {
        val broken = BundleException.BrokenManifest::class
        fails(broken, "it is no JSON", "manifest.json" to { it.copyOf(200) })
        fails(broken, "it is no JSON", "manifest.json" to { ByteArray(0) })
        fails(broken, "must be an object", "manifest.json" to { "[]".toByteArray() })
        fails(broken, "inputs.0.dtype", "manifest.json" to text { it.replaceFirst("\"dtype\": \"int8\"", "\"dtype\": \"int7\"") })
        fails(broken, "inputs.0.shape", "manifest.json" to text { it.replaceFirst("8,\n", "-8,\n") })
        fails(broken, "zero_point", "manifest.json" to text { it.replaceFirst("\"zero_point\": -128", "\"zero_point\": -129") })
        fails(broken, "scores", "manifest.json" to text { it.replace("\"logits\",", "\"loggits\",") })
        fails(broken, "data", "manifest.json" to text { it.replaceFirst("\"data\": \"g", "\"data\": \"") })
        fails(broken, "data", "manifest.json" to text { it.replaceFirst("\"data\": \"gIDw", "\"data\": \"") })
    }

    @Test
    fun `class names of another count are refused`() {
        val wrong = BundleException.WrongLabels::class
        fails(wrong, "9 class names for 10", "labels.txt" to text { it.substringAfter("\n") })
        fails(wrong, "11 class names for 10", "labels.txt" to text { it + "ten\n" })
        fails(wrong, "9 class names for 10", "manifest.json" to text { it.replace("\"8\",\n    \"9\"", "\"8\"") })
    }

    @Test
    fun `evaluation samples of another model, or damaged ones, are refused`() {
        fails(BundleException.BrokenEvaluation::class, "evaluation.npz", "evaluation.npz" to { it.copyOf(300) })
        fails(BundleException.BrokenEvaluation::class, "no archive", "evaluation.npz" to { ByteArray(9) })
        val other = Cases.bytes("mnist_mlp/cases.npz")
        fails(BundleException.BrokenEvaluation::class, "no array", "evaluation.npz" to { other })
    }

    @Test
    fun `nothing is guessed where the manifest says nothing of the input`() {
        val text = Cases.bytes("digits/manifest.json").toString(Charsets.UTF_8).replace("\"name\": \"digits\"", "\"name\": \"mine\"")
        assertTrue(FrontEnd.of(Manifest.parse(text)) is FrontEnd.Samples)
    }
}
