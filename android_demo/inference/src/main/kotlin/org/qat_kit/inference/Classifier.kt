package org.qat_kit.inference

import kotlin.math.exp

/** One answer: a class, its name, and how likely the model holds it (or its value, where values are asked for). */
data class Answer(val index: Int, val label: String, val score: Float)

/** What came of one sample. [answers] best first; [latencyMs] of the inference alone. */
data class Outcome(val answers: List<Answer>, val latencyMs: Double)

/**
 * The whole way from real numbers to named answers, on any [Engine].
 *
 * ```
 * val classifier = Classifier(bundle.manifest, engine)
 * val best = classifier.classify(pixels).answers.first()
 * ```
 *
 * Not for several threads at once: an engine has one set of buffers.
 */
class Classifier(private val manifest: Manifest, private val engine: Engine) {
    init {
        engine.checkAgainst(manifest)
        if (engine.inputs.size != 1) {
            throw BundleException.NotSupported("This app serves models of one input; this one has ${engine.inputs.size}.")
        }
    }

    /** [sample] as the model takes it, before quantization: one sample in row-major order. */
    fun classify(sample: FloatArray, k: Int = 3): Outcome {
        manifest.inputs.first().write(sample, engine.inputBuffers.first())
        val start = System.nanoTime()
        engine.invoke()
        val latencyMs = (System.nanoTime() - start) / 1e6
        val values = manifest.outputs.first().read(engine.outputBuffers.first())
        return Outcome(answers(scores(values), k), latencyMs)
    }

    /** The class alone, as accuracy asks for it: of equal scores the lowest class leads, as in the kit. */
    fun answer(sample: FloatArray): Int = classify(sample, k = 1).answers.first().index

    private fun scores(values: FloatArray) = if (manifest.scores == Scores.LOGITS) softmax(values) else values

    private fun answers(scores: FloatArray, k: Int): List<Answer> =
        topK(scores, k).map { Answer(it, manifest.classNames.getOrElse(it) { _ -> "$it" }, scores[it]) }

    companion object {
        /** The places of the [k] highest scores, best first; of equal ones the lowest place leads. */
        fun topK(scores: FloatArray, k: Int): List<Int> =
            scores.indices.sortedWith(compareByDescending<Int> { scores[it] }.thenBy { it }).take(k)

        /** Probabilities of logits, in doubles and without overflow. */
        fun softmax(logits: FloatArray): FloatArray {
            val highest = logits.max()
            val powers = DoubleArray(logits.size) { exp((logits[it] - highest).toDouble()) }
            val sum = powers.sum()
            return FloatArray(logits.size) { (powers[it] / sum).toFloat() }
        }
    }
}
