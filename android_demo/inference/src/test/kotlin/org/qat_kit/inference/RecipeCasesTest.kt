package org.qat_kit.inference

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.junit.runners.Parameterized

/** For each recipe that the app has a screen for: real test samples to the kit's codes, and the kit's codes to answers. */
@RunWith(Parameterized::class)
class RecipeCasesTest(private val recipe: String) {
    private val manifest = Manifest.parse(Cases.bytes("$recipe/manifest.json").toString(Charsets.UTF_8))
    private val cases = Cases.arrays("$recipe/cases.npz")

    @Test
    fun `samples become the same codes, bit for bit`() {
        val (raw, codes) = listOf("raw", "codes").map(cases::getValue)
        val input = manifest.inputs.single()
        repeat(raw.shape.first()) { sample ->
            val buffer = input.type.buffer(input.sampleSize)
            input.write(asInput(FrontEnd.of(manifest), raw.row(sample).floats()), buffer)
            assertArrayEquals("$recipe, sample $sample", codes.row(sample).ints(), buffer.codes(input.type))
        }
    }

    @Test
    fun `codes become the same answers`() {
        val output = manifest.outputs.single()
        val answers = cases.getValue("answers")
        repeat(answers.shape.first()) { sample ->
            val buffer = output.type.buffer(output.sampleSize)
            buffer.putCodes(output.type, answers.row(sample).ints())
            val reals = output.read(buffer)
            assertArrayEquals(recipe, cases.getValue("reals").row(sample).floats(), reals, 0f)
            val expected = cases.getValue("top").row(sample).ints().toList()
            assertEquals(recipe, expected, Classifier.topK(reals, 3))
            val probabilities = cases.getValue("probabilities").row(sample).floats()
            assertArrayEquals(recipe, probabilities, Classifier.softmax(reals), 1e-6f)
        }
    }

    private fun asInput(frontEnd: FrontEnd, raw: FloatArray): FloatArray = when (frontEnd) {
        is FrontEnd.Counts -> FloatArray(raw.size) { raw[it] / 16f }
        is FrontEnd.Picture -> frontEnd.of(Image(frontEnd.height, frontEnd.width, frontEnd.channels, raw))
        is FrontEnd.Sound -> frontEnd.of(FloatArray(raw.size) { raw[it] / 32768f })
        is FrontEnd.Motion -> raw
        is FrontEnd.Samples -> throw AssertionError("the app has no screen for $recipe: ${frontEnd.why}")
    }

    companion object {
        @JvmStatic
        @Parameterized.Parameters(name = "{0}")
        fun recipes() = listOf(
            "digits",
            "mnist_cnn",
            "mnist_mlp",
            "fashion_mnist",
            "cifar10_mobilenet",
            "cifar10_resnet8",
            "spoken_digits",
        )
    }
}
