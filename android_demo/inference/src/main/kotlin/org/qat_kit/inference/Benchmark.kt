package org.qat_kit.inference

/** How to time an engine. */
data class BenchmarkPlan(val numRuns: Int = 200, val numWarmUpRuns: Int = 20)

/** Times of single inferences at batch 1, in ms, without copying the input in or the output out. */
class Latency(
    val kernelSet: String,
    val numThreads: Int,
    val initMs: Double,
    val firstMs: Double,
    val warmUpMs: DoubleArray,
    timesMs: DoubleArray,
) {
    val sortedMs: DoubleArray = timesMs.sortedArray()

    fun percentile(percent: Double): Double = Statistics.percentile(sortedMs, percent)
}

/** How many samples of a class (row) got which answer (column). */
class Accuracy(val confusion: List<IntArray>) {
    val proportion: Proportion = Statistics.wilson(
        numRight = confusion.indices.sumOf { confusion[it][it] },
        numSamples = confusion.sumOf { it.sum() },
    )
}

/** Says how far a measurement has come; returns false to end it early, as when a screen goes away. */
fun interface Progress {
    fun report(done: Int, total: Int): Boolean
}

/** Thrown where [Progress] ended a measurement. */
class Cancelled : Exception("the measurement was ended")

/** Measures an engine: first its golden vectors, then time, then accuracy. */
class Benchmark(private val manifest: Manifest, private val engine: Engine) {
    init {
        engine.checkAgainst(manifest)
    }

    /**
     * The first inference, the warm-up, then [BenchmarkPlan.numRuns] timed ones.
     *
     * [sample] is what the input holds meanwhile: a real one, since subnormal floats would be slow.
     */
    fun latency(sample: FloatArray?, plan: BenchmarkPlan, progress: Progress): Latency {
        require(plan.numRuns >= 1 && plan.numWarmUpRuns >= 0) { "at least one run is needed" }
        if (sample != null) manifest.inputs.first().write(sample, engine.inputBuffers.first())
        val firstMs = time()
        val total = plan.numWarmUpRuns + plan.numRuns
        fun times(count: Int, before: Int) = DoubleArray(count) {
            if (!progress.report(before + it, total)) throw Cancelled()
            time()
        }
        val warmUp = times(plan.numWarmUpRuns, 0)
        val timed = times(plan.numRuns, plan.numWarmUpRuns)
        progress.report(total, total)
        return Latency(engine.kernelSet, engine.numThreads, engine.initMs, firstMs, warmUp, timed)
    }

    /** Over all samples of the bundle; null where it has none with labels. */
    fun accuracy(evaluation: Evaluation?, progress: Progress): Accuracy? {
        val labels = evaluation?.labels?.takeIf { it.isNotEmpty() && manifest.classNames.isNotEmpty() } ?: return null
        val classifier = Classifier(manifest, engine)
        val numClasses = manifest.outputs.first().shape.last()
        val confusion = List(numClasses) { IntArray(numClasses) }
        evaluation.inputs.forEachIndexed { place, sample ->
            if (!progress.report(place, evaluation.size)) throw Cancelled()
            confusion[labels[place]][classifier.answer(sample)]++
        }
        progress.report(evaluation.size, evaluation.size)
        return Accuracy(confusion)
    }

    private fun time(): Double {
        val start = System.nanoTime()
        engine.invoke()
        return (System.nanoTime() - start) / 1e6
    }
}
