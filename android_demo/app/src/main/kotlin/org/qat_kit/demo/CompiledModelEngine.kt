package org.qat_kit.demo

import java.io.File
import java.lang.reflect.InvocationTargetException
import java.nio.ByteBuffer
import org.qat_kit.inference.BundleException
import org.qat_kit.inference.ElementType
import org.qat_kit.inference.Engine
import org.qat_kit.inference.TensorInfo
import org.qat_kit.inference.codes
import org.qat_kit.inference.putCodes

/**
 * LiteRT's newer interface, `com.google.ai.edge.litert.CompiledModel`, which alone reaches GPU and NPU.
 *
 * It is found by name, so that the app also compiles and runs with an artefact that has only the interpreter. The types of
 * tensors come from the CPU's interpreter, which reads the same file: this interface does not tell scales.
 */
class CompiledModelEngine(
    file: File,
    accelerator: EngineChoice.Kind,
    override val inputs: List<TensorInfo>,
    override val outputs: List<TensorInfo>,
) : Engine {
    override val kernelSet = accelerator.name.lowercase()
    override val numThreads = 1
    override val initMs: Double

    override val inputBuffers = inputs.map { it.type.buffer(it.shape.fold(1, Int::times)) }
    override val outputBuffers = outputs.map { it.type.buffer(it.shape.fold(1, Int::times)) }
    override val notes = listOf("what ${accelerator.name} does not take runs on the CPU; LiteRT's log names those operators")

    private val model: AutoCloseable
    private val nativeInputs: List<Any>
    private val nativeOutputs: List<Any>

    init {
        if ((inputs + outputs).any { it.type != ElementType.INT8 && it.type != ElementType.FLOAT32 }) {
            throw BundleException.NotSupported("Accelerators are tried with int8 and float32 tensors alone.")
        }
        val start = System.nanoTime()
        model = refusalsNamed {
            val options = named("CompiledModel\$Options").getConstructor(Set::class.java)
                .newInstance(setOf(constant(accelerator.name), constant("CPU")))
            named("CompiledModel").getMethod("create", String::class.java, options.javaClass)
                .invoke(null, file.path, options) as AutoCloseable
        }
        nativeInputs = buffers("createInputBuffers")
        nativeOutputs = buffers("createOutputBuffers")
        initMs = (System.nanoTime() - start) / 1e6
    }

    override fun invoke() {
        refusalsNamed {
            for ((place, tensor) in inputs.withIndex()) write(nativeInputs[place], tensor, inputBuffers[place])
            model.javaClass.getMethod("run", List::class.java, List::class.java).invoke(model, nativeInputs, nativeOutputs)
            for ((place, tensor) in outputs.withIndex()) read(nativeOutputs[place], tensor, outputBuffers[place])
        }
    }

    override fun close() {
        (nativeInputs + nativeOutputs).forEach { (it as AutoCloseable).close() }
        model.close()
    }

    private fun buffers(method: String): List<Any> = refusalsNamed {
        (model.javaClass.getMethod(method).invoke(model) as List<*>).filterNotNull()
    }

    private fun write(native: Any, tensor: TensorInfo, buffer: ByteBuffer) {
        if (tensor.type == ElementType.INT8) {
            val codes = buffer.codes(tensor.type)
            native.javaClass.getMethod("writeInt8", ByteArray::class.java)
                .invoke(native, ByteArray(codes.size) { codes[it].toByte() })
        } else {
            val reals = FloatArray(buffer.capacity() / tensor.type.bytes)
            buffer.duplicate().order(buffer.order()).apply { rewind() }.asFloatBuffer().get(reals)
            native.javaClass.getMethod("writeFloat", FloatArray::class.java).invoke(native, reals)
        }
    }

    private fun read(native: Any, tensor: TensorInfo, buffer: ByteBuffer) {
        if (tensor.type == ElementType.INT8) {
            val bytes = native.javaClass.getMethod("readInt8").invoke(native) as ByteArray
            buffer.putCodes(tensor.type, IntArray(bytes.size) { bytes[it].toInt() })
        } else {
            buffer.clear()
            buffer.asFloatBuffer().put(native.javaClass.getMethod("readFloat").invoke(native) as FloatArray)
        }
    }

    companion object {
        private const val PACKAGE = "com.google.ai.edge.litert"

        /** Whether the artefact in this app has the interface. */
        val isPresent: Boolean by lazy { runCatching { named("CompiledModel") }.isSuccess }

        private fun named(name: String): Class<*> = Class.forName("$PACKAGE.$name")

        private fun constant(name: String): Any = named("Accelerator").getField(name).get(null)!!

        /** An accelerator that is not there, or refuses the model, is an answer of the measurement, not a crash. */
        private fun <T> refusalsNamed(use: () -> T): T = try {
            use()
        } catch (error: InvocationTargetException) {
            throw BundleException.NotSupported("The accelerator refuses the model: ${error.targetException.message}")
        } catch (error: ReflectiveOperationException) {
            throw BundleException.NotSupported("This version of LiteRT has another interface: ${error.message}")
        }
    }
}
