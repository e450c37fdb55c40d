package org.qat_kit.inference

import java.nio.ByteBuffer
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test

/** From bytes to answers with the real file, on LiteRT's own library. */
class WholePathTest {
    @Before
    fun needLiteRt() = Cases.needLiteRt("WholePathTest")

    private fun <T> onEngine(model: ByteBuffer, use: (Engine) -> T): T = DesktopEngine(model).use(use)

    @Test
    fun `LiteRT's answers to all samples are those that it gave in Python`() {
        val bundle = Cases.bundle()
        val answers = Cases.arrays("bundle_answers.npz").getValue("answers")
        onEngine(bundle.model) { engine ->
            engine.checkAgainst(bundle.manifest)
            bundle.evaluation!!.inputs.forEachIndexed { sample, input ->
                bundle.manifest.inputs.single().write(input, engine.inputBuffers.single())
                engine.invoke()
                val codes = engine.outputBuffers.single().codes(ElementType.INT8)
                assertArrayEquals("sample $sample", answers.row(sample).ints(), codes)
            }
        }
    }

    @Test
    fun `the golden vectors agree, and a model of other weights is told apart`() {
        val bundle = Cases.bundle()
        onEngine(bundle.model) { engine ->
            val results = checkGolden(bundle.manifest, engine).associateBy { it.recorded.substringBefore(" ") }
            assertEquals(setOf("reference", "builtin", "xnnpack"), results.keys)
            assertTrue(results.getValue("xnnpack").sentence, results.getValue("xnnpack").agreement != Agreement.DIFFERENT)
        }
    }

    @Test
    fun `accuracy and time are measured and told in percent and ms`() {
        val bundle = Cases.bundle()
        onEngine(bundle.model) { engine ->
            val benchmark = Benchmark(bundle.manifest, engine)
            val steps = mutableListOf<Int>()
            val plan = BenchmarkPlan(numRuns = 30, numWarmUpRuns = 5)
            val latency = benchmark.latency(bundle.evaluation!!.inputs.first(), plan) { done, total -> steps.add(done); total == 35 }
            assertEquals((0..35).toList(), steps)
            assertEquals(30, latency.sortedMs.size)
            assertTrue(latency.percentile(50.0) <= latency.percentile(99.0))
            val accuracy = benchmark.accuracy(bundle.evaluation) { _, _ -> true }!!
            assertEquals(64, accuracy.proportion.numSamples)
            assertTrue(accuracy.proportion.value > 0.9)
            assertThrows(Cancelled::class.java) { benchmark.accuracy(bundle.evaluation) { done, _ -> done < 10 } }
        }
    }

    @Test
    fun `a drawn digit is recognized`() {
        val bundle = Cases.bundle()
        val frontEnd = FrontEnd.of(bundle.manifest) as FrontEnd.Counts
        onEngine(bundle.model) { engine ->
            val classifier = Classifier(bundle.manifest, engine)
            for ((digit, drawing) in DRAWN) {
                val best = classifier.classify(frontEnd.of(drawing)).answers.first()
                assertEquals("drawn $digit", digit, best.label)
            }
        }
    }

    @Test
    fun `the float model runs by the same way`() {
        val bundle = Cases.bundle()
        onEngine(bundle.floatModel!!) { engine ->
            val manifest = bundle.manifest.describing(engine)
            val accuracy = Benchmark(manifest, engine).accuracy(bundle.evaluation) { _, _ -> true }!!
            assertTrue(accuracy.proportion.value > 0.9)
        }
    }

    @Test
    fun `bytes that are no model are refused`() {
        val junk = ByteBuffer.wrap(ByteArray(4096) { it.toByte() })
        assertThrows(BundleException.CorruptModel::class.java) { DesktopEngine(junk) }
    }

    @Test
    fun `a model of another shape than the manifest says is refused`() {
        val bundle = Cases.bundle()
        val other = Manifest.parse(Cases.bytes("mnist_cnn/manifest.json").toString(Charsets.UTF_8))
        onEngine(bundle.model) { engine ->
            val error = assertThrows(BundleException.WrongShape::class.java) { Classifier(other, engine) }
            assertTrue(error.message, "[1, 28, 28, 1]" in error.message.orEmpty())
        }
    }

    private companion object {
        fun line(vararg points: Pair<Double, Double>) = points.map { (x, y) -> Point(x.toFloat(), y.toFloat()) }

        fun circle(x: Double, y: Double, radiusX: Double, radiusY: Double) = (0..24).map {
            val angle = it / 24.0 * 2 * Math.PI
            Point((x + radiusX * Math.sin(angle)).toFloat(), (y - radiusY * Math.cos(angle)).toFloat())
        }

        val DRAWN = mapOf(
            "0" to Drawing(listOf(circle(0.5, 0.5, 0.25, 0.38))),
            "1" to Drawing(listOf(line(0.38 to 0.28, 0.52 to 0.12, 0.52 to 0.88))),
            "4" to Drawing(listOf(line(0.55 to 0.12, 0.25 to 0.55, 0.75 to 0.55), line(0.58 to 0.4, 0.55 to 0.9))),
            "7" to Drawing(listOf(line(0.25 to 0.15, 0.75 to 0.15, 0.45 to 0.88), line(0.35 to 0.5, 0.68 to 0.5))),
            "8" to Drawing(listOf(circle(0.5, 0.3, 0.17, 0.18), circle(0.5, 0.68, 0.2, 0.2))),
        )
    }
}
