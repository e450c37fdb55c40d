package org.qat_kit.inference

import com.sun.jna.Function
import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import java.nio.ByteBuffer

/**
 * LiteRT on a desktop machine, through the C interface of the library in its Python wheel, so that the real file runs on
 * the JVM. Its path is the system property `litert`; [isAvailable] tells whether there is one.
 *
 * Source: litert/c/litert_compiled_model.h, litert_model.h, litert_tensor_buffer.h of LiteRT 2.2.
 */
class DesktopEngine(model: ByteBuffer) : Engine {
    private val start = System.nanoTime()

    // The runtime reads the model where it lies, for as long as it lives.
    private val content = Memory(model.remaining().toLong()).also { it.getByteBuffer(0, it.size()).put(model.duplicate()) }
    private val environment = created("LiteRtCreateEnvironment", 0, null)
    private val handle = created("LiteRtCreateModelFromBuffer", environment, content, content.size())
    private val options = created("LiteRtCreateOptions").also { call("LiteRtSetOptionsHardwareAccelerators", it, CPU) }
    private val compiled = created("LiteRtCreateCompiledModel", environment, handle, options)
    private val signature = created("LiteRtGetModelSignature", handle, 0L)

    private val inputSlots = slots("Input")
    private val outputSlots = slots("Output")

    override val kernelSet = "xnnpack"
    override val numThreads = 1
    override val inputs = inputSlots.map { it.info }
    override val outputs = outputSlots.map { it.info }
    override val inputBuffers = inputSlots.map { it.buffer }
    override val outputBuffers = outputSlots.map { it.buffer }
    override val initMs = (System.nanoTime() - start) / 1e6

    override fun invoke() {
        inputSlots.forEach { slot -> slot.locked(WRITE) { it.put(slot.buffer.duplicate().apply { rewind() }) } }
        call(
            "LiteRtRunCompiledModel",
            compiled,
            0L,
            inputSlots.size.toLong(),
            inputSlots.map { it.native }.toTypedArray(),
            outputSlots.size.toLong(),
            outputSlots.map { it.native }.toTypedArray(),
        )
        outputSlots.forEach { slot -> slot.locked(READ) { slot.buffer.duplicate().apply { rewind() }.put(it) } }
    }

    override fun close() {
        (inputSlots + outputSlots).forEach { destroy("LiteRtDestroyTensorBuffer", it.native) }
        destroy("LiteRtDestroyCompiledModel", compiled)
        destroy("LiteRtDestroyOptions", options)
        destroy("LiteRtDestroyModel", handle)
        destroy("LiteRtDestroyEnvironment", environment)
    }

    private class Slot(val info: TensorInfo, val native: Pointer, val buffer: ByteBuffer) {
        fun locked(mode: Int, use: (ByteBuffer) -> Unit) {
            val address = PointerByReference()
            call("LiteRtLockTensorBuffer", native, address, mode)
            use(address.value.getByteBuffer(0, buffer.capacity().toLong()))
            call("LiteRtUnlockTensorBuffer", native)
        }
    }

    private fun slots(side: String): List<Slot> {
        val count = Memory(java.lang.Long.BYTES.toLong())
        call("LiteRtGetNumSignature${side}s", signature, count)
        return List(count.getLong(0).toInt()) { place ->
            val tensor = created("LiteRtGetSignature${side}TensorByIndex", signature, place.toLong())
            val name = created("LiteRtGetSignature${side}Name", signature, place.toLong()).getString(0)
            val type = Memory(RANKED_TYPE_BYTES)
            call("LiteRtGetRankedTensorType", tensor, type)
            val info = info(name, tensor, type)
            val requirements = created("LiteRtGetCompiledModel${side}BufferRequirements", compiled, 0L, place.toLong())
            val native = created("LiteRtCreateManagedTensorBufferFromRequirements", environment, type, requirements)
            Slot(info, native, info.type.buffer(info.shape.fold(1, Int::times)))
        }
    }

    private fun info(name: String, tensor: Pointer, type: Memory): TensorInfo {
        val element = ELEMENTS[type.getInt(0)] ?: throw BundleException.NotSupported("tensors of type ${type.getInt(0)}")
        val rank = type.getByte(4).toInt() and 0x7F
        val shape = List(rank) { type.getInt(8 + 4L * it) }
        val values = Memory(QUANTIZATION_BYTES)
        val isQuantized = function("LiteRtGetPerTensorQuantization").invokeInt(arrayOf(tensor, values)) == 0
        val quantization = if (!isQuantized) null else Quantization(values.getFloat(0), values.getLong(8).toInt(), element)
        return TensorInfo(name, shape, element, quantization)
    }

    companion object {
        private const val CPU = 1
        private const val READ = 0
        private const val WRITE = 1
        private const val RANKED_TYPE_BYTES = 72L
        private const val QUANTIZATION_BYTES = 16L
        private val ELEMENTS = mapOf(
            1 to ElementType.FLOAT32,
            2 to ElementType.INT32,
            3 to ElementType.UINT8,
            7 to ElementType.INT16,
            9 to ElementType.INT8,
        )

        private val library: NativeLibrary? by lazy { System.getProperty("litert")?.let { NativeLibrary.getInstance(it) } }

        val isAvailable: Boolean get() = library != null

        private fun function(name: String): Function = checkNotNull(library) { "no LiteRT on this machine" }.getFunction(name)

        private fun call(name: String, vararg arguments: Any?) {
            val status = function(name).invokeInt(arguments)
            if (status != 0) throw BundleException.CorruptModel("model.tflite", "$name gave up with status $status")
        }

        /** Calls what writes a handle to its last argument, and returns the handle. */
        private fun created(name: String, vararg arguments: Any?): Pointer {
            val out = PointerByReference()
            call(name, *arguments, out)
            return out.value ?: throw BundleException.CorruptModel("model.tflite", "$name gave nothing")
        }

        private fun destroy(name: String, handle: Pointer) = function(name).invokeVoid(arrayOf(handle))
    }
}
