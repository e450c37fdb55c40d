package org.qat_kit.inference

import java.nio.ByteBuffer
import kotlin.math.abs

/** How an engine's answers to the golden inputs compare with those that the kit recorded. */
enum class Agreement { EQUAL, WITHIN_ONE_STEP, DIFFERENT }

/** [numDiffering] of [numOutputs] codes differ, by [maxSteps] at most. */
data class GoldenResult(
    val recorded: String,
    val agreement: Agreement,
    val numDiffering: Int,
    val numOutputs: Int,
    val maxSteps: Double,
) {
    val sentence: String
        get() = when (agreement) {
            Agreement.EQUAL -> "equal to $recorded in all $numOutputs outputs"
            Agreement.WITHIN_ONE_STEP -> "$numDiffering of $numOutputs outputs differ from $recorded, by one step"
            Agreement.DIFFERENT -> "$numDiffering of $numOutputs outputs differ from $recorded, by up to ${maxSteps.short()} steps"
        }
}

/**
 * Runs the manifest's golden inputs and compares with what each recorded kernel set answered: one result a kernel set.
 *
 * XNNPACK may differ by a step between architectures, so the device's own result is best compared with all of them;
 * [GoldenVectors.architecture] tells where the recorded ones come from. A float output counts in steps of 1e-4 of the
 * largest recorded value. Empty where the manifest has no golden vectors.
 */
fun checkGolden(manifest: Manifest, engine: Engine): List<GoldenResult> {
    val golden = manifest.golden ?: return emptyList()
    engine.checkAgainst(manifest)
    val samples = (0 until golden.numSamples).map { sample ->
        for ((tensor, buffer) in manifest.inputs.zip(engine.inputBuffers)) fill(tensor, buffer, golden, sample)
        engine.invoke()
        engine.outputBuffers.map { buffer -> ByteArray(buffer.apply { rewind() }.remaining()).also { buffer.get(it) } }
    }
    return golden.outputs.map { (kernelSet, outputs) ->
        val recorded = "$kernelSet on ${golden.architecture} (LiteRT ${golden.litert})"
        compare(recorded, manifest.outputs, samples, outputs)
    }
}

private fun fill(tensor: TensorInfo, buffer: ByteBuffer, golden: GoldenVectors, sample: Int) {
    val array = golden.inputs[tensor.name] ?: throw BundleException.BrokenManifest(
        "golden.inputs",
        "has no “${tensor.name}”",
    )
    val bytes = array.sample(sample)
    if (array.type != tensor.type || bytes.size != buffer.capacity()) {
        throw BundleException.WrongShape(
            "The golden input “${tensor.name}”",
            "${array.type.manifestName} of ${bytes.size} bytes",
            "${tensor.type.manifestName} of ${buffer.capacity()} bytes",
        )
    }
    buffer.clear()
    buffer.put(bytes.inNativeOrder(tensor.type))
    buffer.rewind()
}

private fun compare(
    recorded: String,
    tensors: List<TensorInfo>,
    samples: List<List<ByteArray>>,
    outputs: Map<String, EncodedArray>,
): GoldenResult {
    var numDiffering = 0
    var numOutputs = 0
    var maxSteps = 0.0
    for ((place, tensor) in tensors.withIndex()) {
        val array = outputs[tensor.name] ?: throw BundleException.BrokenManifest("golden.outputs", "has no “${tensor.name}”")
        for ((sample, found) in samples.withIndex()) {
            val expected = array.sample(sample).inNativeOrder(tensor.type)
            if (expected.size != found[place].size) {
                throw BundleException.WrongShape("The golden output “${tensor.name}”", "${expected.size} bytes", "${found[place].size}")
            }
            val steps = steps(tensor.type, found[place], expected)
            numOutputs += steps.size
            numDiffering += steps.count { it > 0 }
            maxSteps = maxOf(maxSteps, steps.max())
        }
    }
    val agreement = when {
        numDiffering == 0 -> Agreement.EQUAL
        maxSteps <= 1 -> Agreement.WITHIN_ONE_STEP
        else -> Agreement.DIFFERENT
    }
    return GoldenResult(recorded, agreement, numDiffering, numOutputs, maxSteps)
}

private fun steps(type: ElementType, found: ByteArray, expected: ByteArray): List<Double> {
    val (left, right) = listOf(found, expected).map { bytes ->
        val buffer = type.buffer(bytes.size / type.bytes).apply { put(bytes).rewind() }
        if (type == ElementType.FLOAT32) buffer.reals().map { it.toDouble() } else buffer.codes(type).map { it.toDouble() }
    }
    val unit = if (type == ElementType.FLOAT32) maxOf(right.maxOf { abs(it) } * 1e-4, Double.MIN_VALUE) else 1.0
    return left.zip(right) { one, other -> abs(one - other) / unit }
}

/** The manifest is little-endian, and so is every Android device; the machine that tests this need not be. */
private fun ByteArray.inNativeOrder(type: ElementType): ByteArray {
    if (java.nio.ByteOrder.nativeOrder() == java.nio.ByteOrder.LITTLE_ENDIAN || type.bytes == 1) return this
    return ByteArray(size) { this[it / type.bytes * type.bytes + type.bytes - 1 - it % type.bytes] }
}

private fun Double.short() = if (this < 100) "%.3g".format(this).trimEnd('0').trimEnd('.') else "%.0f".format(this)
