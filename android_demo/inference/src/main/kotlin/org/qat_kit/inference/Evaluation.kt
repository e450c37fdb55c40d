package org.qat_kit.inference

/** Samples of the test data that came with a bundle: [inputs] as the model takes them, before quantization. */
class Evaluation private constructor(val inputs: List<FloatArray>, val labels: List<Int>?) {
    val size: Int get() = inputs.size

    companion object {
        /** Throws [BundleException.BrokenEvaluation], or [BundleException.WrongShape] for samples of another model. */
        fun read(bytes: ByteArray, manifest: Manifest): Evaluation {
            val arrays = try {
                Npz.read(bytes)
            } catch (error: Exception) {
                throw BundleException.BrokenEvaluation(error.message ?: error::class.java.simpleName, error)
            }
            val input = manifest.inputs.first()
            val samples = arrays["inputs"] ?: arrays[input.name]
                ?: throw BundleException.BrokenEvaluation("it has no array “inputs”")
            if (samples.shape.drop(1) != input.shape.drop(1)) {
                throw BundleException.WrongShape("A sample of evaluation.npz", "${samples.shape.drop(1)}", "${input.shape.drop(1)}")
            }
            val labels = arrays["labels"]?.values?.map { it.toInt() }
            if (labels != null && labels.size != samples.shape.first()) {
                throw BundleException.BrokenEvaluation("it has ${samples.shape.first()} samples and ${labels.size} labels")
            }
            val numAnswers = manifest.outputs.first().shape.last()
            if (manifest.classNames.isNotEmpty()) {
                labels?.firstOrNull { it !in 0 until numAnswers }?.let {
                    throw BundleException.BrokenEvaluation("it has the label $it; the model has $numAnswers classes")
                }
            }
            val size = input.sampleSize
            return Evaluation(
                List(samples.shape.first()) { sample ->
                    FloatArray(size) { samples.values[sample * size + it].toFloat() }
                },
                labels,
            )
        }
    }
}
