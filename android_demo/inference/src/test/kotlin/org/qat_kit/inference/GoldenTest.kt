package org.qat_kit.inference

import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Whether "equal", "within a step" and "different" are told apart: an engine gives the recorded answers, moved by some steps. */
class GoldenTest {
    private val manifest = Cases.bundle().manifest

    private inner class Replay(private val steps: (Int) -> Int) : Engine {
        private var sample = 0
        override val kernelSet = "xnnpack"
        override val numThreads = 1
        override val inputs = manifest.inputs
        override val outputs = manifest.outputs
        override val inputBuffers: List<ByteBuffer> = inputs.map { it.type.buffer(it.sampleSize) }
        override val outputBuffers: List<ByteBuffer> = outputs.map { it.type.buffer(it.sampleSize) }
        override val initMs = 0.0

        override fun invoke() {
            val recorded = manifest.golden!!.outputs.getValue("xnnpack").values.single().sample(sample++)
            val codes = ByteBuffer.wrap(recorded).codes(ElementType.INT8)
            outputBuffers.single().putCodes(ElementType.INT8, IntArray(codes.size) { codes[it] + steps(it) })
        }

        override fun close() = Unit
    }

    private fun result(steps: (Int) -> Int) = checkGolden(manifest, Replay(steps)).single { "xnnpack" in it.recorded }

    @Test
    fun `equal, within a step, and different are told apart`() {
        assertEquals(Agreement.EQUAL, result { 0 }.agreement)
        val near = result { if (it == 3) -1 else 0 }
        assertEquals(Agreement.WITHIN_ONE_STEP, near.agreement)
        assertEquals(8, near.numDiffering)
        assertEquals(80, near.numOutputs)
        val far = result { if (it == 0) 2 else 0 }
        assertEquals(Agreement.DIFFERENT, far.agreement)
        assertTrue(far.sentence, "by up to 2 steps" in far.sentence)
    }

    @Test
    fun `an engine whose scale is another than the manifest's is refused`() {
        val other = object : Engine by Replay({ 0 }) {
            override val outputs = manifest.outputs.map { it.copy(quantization = it.quantization!!.copy(zeroPoint = 0)) }
        }
        assertThrows(BundleException.WrongShape::class.java) { checkGolden(manifest, other) }
    }
}
