package org.qat_kit.inference

import java.nio.ByteBuffer

/** What runs a model: LiteRT's interpreter, its compiled models, or whatever else speaks tensors. */
interface Engine : AutoCloseable {
    /** What this engine is, as the kit names it: `xnnpack`, `builtin`, `gpu`, `npu`. */
    val kernelSet: String

    val numThreads: Int

    /** As the runtime reports them, in the order of the model's first graph. */
    val inputs: List<TensorInfo>
    val outputs: List<TensorInfo>

    /** The buffers that [invoke] reads and writes: direct, in native byte order, one for each input and output. */
    val inputBuffers: List<ByteBuffer>
    val outputBuffers: List<ByteBuffer>

    /** Reading the model and laying out its tensors, in ms. */
    val initMs: Double

    /** One inference. Throws [BundleException.CorruptModel] where the runtime gives up. */
    fun invoke()

    /** What the engine has to say of itself, such as operators that fell back to the CPU; empty where nothing. */
    val notes: List<String> get() = emptyList()
}

/** Throws [BundleException.WrongShape] where the runtime sees another model than the manifest describes. */
fun Engine.checkAgainst(manifest: Manifest) {
    agree("Input", inputs, manifest.inputs)
    agree("Output", outputs, manifest.outputs)
}

private fun agree(what: String, found: List<TensorInfo>, stated: List<TensorInfo>) {
    if (found.size != stated.size) {
        throw BundleException.WrongShape("The number of the model's ${what.lowercase()}s", "${found.size}", "${stated.size}")
    }
    for ((tensor, expected) in found.zip(stated)) {
        if (tensor.type != expected.type || tensor.shape != expected.shape) {
            throw BundleException.WrongShape("$what “${expected.name}”", tensor.description, expected.description)
        }
        if (tensor.quantization != expected.quantization) {
            throw BundleException.WrongShape(
                "The quantization of ${what.lowercase()} “${expected.name}”",
                "${tensor.quantization?.scale} (zero point ${tensor.quantization?.zeroPoint})",
                "${expected.quantization?.scale} (zero point ${expected.quantization?.zeroPoint})",
            )
        }
    }
}

/** Puts real numbers into an input, as its type asks: quantized, as counts, or as they are. */
fun TensorInfo.write(reals: FloatArray, buffer: ByteBuffer) {
    if (reals.size != shape.fold(1, Int::times)) {
        throw BundleException.WrongShape("What goes into “$name”", "${reals.size} numbers", "$shape")
    }
    if (reals.any { it.isNaN() }) throw BundleException.NotSupported("What goes into “$name” holds NaN (no number).")
    when {
        type == ElementType.FLOAT32 -> {
            buffer.clear()
            buffer.asFloatBuffer().put(reals)
        }
        quantization != null -> buffer.putCodes(type, quantization.quantize(reals))
        else -> buffer.putCodes(type, IntArray(reals.size) { reals[it].toInt() })
    }
}

/** The real numbers of an output. */
fun TensorInfo.read(buffer: ByteBuffer): FloatArray = when {
    type == ElementType.FLOAT32 -> buffer.reals()
    quantization != null -> quantization.dequantize(buffer.codes(type))
    else -> buffer.codes(type).let { codes -> FloatArray(codes.size) { codes[it].toFloat() } }
}

/**
 * The manifest with the inputs and outputs that an engine reports: for the float form of a model, which the manifest of
 * the int8 one does not describe. The number of elements must be the same.
 */
fun Manifest.describing(engine: Engine): Manifest {
    for ((stated, found) in listOf(inputs to engine.inputs, outputs to engine.outputs)) {
        if (stated.map { it.shape } != found.map { it.shape }) {
            throw BundleException.WrongShape("The other form of the model", "${found.map { it.shape }}", "${stated.map { it.shape }}")
        }
    }
    return copy(inputs = engine.inputs, outputs = engine.outputs, golden = null)
}
