package org.qat_kit.demo

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.qat_kit.inference.BundleException
import org.qat_kit.inference.ElementType
import org.qat_kit.inference.Engine
import org.qat_kit.inference.Quantization
import org.qat_kit.inference.TensorInfo
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor

/**
 * LiteRT's interpreter on the CPU, with XNNPACK or without.
 *
 * Scales and zero points are read from the file's own tensors; the manifest is only compared with them.
 */
class TfliteEngine(model: ByteBuffer, private val useXnnpack: Boolean, override val numThreads: Int) : Engine {
    override val kernelSet = if (useXnnpack) "xnnpack" else "builtin"
    override val initMs: Double

    private val interpreter: Interpreter

    init {
        val start = System.nanoTime()
        val options = Interpreter.Options().setNumThreads(numThreads).setUseXNNPACK(useXnnpack)
        try {
            // The runtime takes direct buffers alone; a mapped file is one.
            interpreter = Interpreter(model.asDirect(), options)
            interpreter.allocateTensors()
        } catch (error: IllegalArgumentException) {
            throw BundleException.CorruptModel("model.tflite", "the runtime refuses it", error)
        } catch (error: IllegalStateException) {
            throw BundleException.CorruptModel("model.tflite", "the runtime cannot prepare it", error)
        }
        initMs = (System.nanoTime() - start) / 1e6
    }

    override val inputs = List(interpreter.inputTensorCount) { info(interpreter.getInputTensor(it)) }
    override val outputs = List(interpreter.outputTensorCount) { info(interpreter.getOutputTensor(it)) }
    override val inputBuffers = inputs.map { buffer(it) }
    override val outputBuffers = outputs.map { buffer(it) }

    private val inputArray = inputBuffers.toTypedArray<Any>()
    private val outputMap = outputBuffers.withIndex().associate { (place, buffer) -> place to (buffer as Any) }

    override fun invoke() {
        (inputBuffers + outputBuffers).forEach { it.rewind() }
        try {
            interpreter.runForMultipleInputsOutputs(inputArray, outputMap)
        } catch (error: IllegalArgumentException) {
            throw BundleException.CorruptModel("model.tflite", "the runtime gave up", error)
        }
    }

    override fun close() = interpreter.close()

    private fun buffer(tensor: TensorInfo) = tensor.type.buffer(tensor.shape.fold(1, Int::times))

    private fun info(tensor: Tensor): TensorInfo {
        val type = TYPES[tensor.dataType()]
            ?: throw BundleException.NotSupported("The model has ${tensor.dataType()} tensors, which this app does not serve.")
        val stated = tensor.quantizationParams()
        val quantization = if (stated.scale > 0f) Quantization(stated.scale, stated.zeroPoint, type) else null
        return TensorInfo(tensor.name(), tensor.shape().toList(), type, quantization)
    }

    private companion object {
        val TYPES = mapOf(
            DataType.INT8 to ElementType.INT8,
            DataType.UINT8 to ElementType.UINT8,
            DataType.INT16 to ElementType.INT16,
            DataType.INT32 to ElementType.INT32,
            DataType.FLOAT32 to ElementType.FLOAT32,
        )
    }
}

/** The buffer itself where it is direct, else a copy that is. */
internal fun ByteBuffer.asDirect(): ByteBuffer =
    if (isDirect) this else ByteBuffer.allocateDirect(remaining()).order(ByteOrder.nativeOrder()).put(duplicate()).apply { rewind() }
