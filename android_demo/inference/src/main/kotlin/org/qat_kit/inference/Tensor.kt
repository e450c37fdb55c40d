package org.qat_kit.inference

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** What an element of a tensor is. [manifestName] as in manifest.json; [bits] of integers. */
enum class ElementType(val manifestName: String, val bytes: Int, val minimum: Int = 0, val maximum: Int = 0) {
    INT8("int8", 1, Byte.MIN_VALUE.toInt(), Byte.MAX_VALUE.toInt()),
    UINT8("uint8", 1, 0, 255),
    INT16("int16", 2, Short.MIN_VALUE.toInt(), Short.MAX_VALUE.toInt()),
    INT32("int32", 4, Int.MIN_VALUE, Int.MAX_VALUE),
    FLOAT32("float32", 4),
    ;

    /** A buffer for [count] elements, as LiteRT wants it: direct, in the machine's byte order. */
    fun buffer(count: Int): ByteBuffer = ByteBuffer.allocateDirect(count * bytes).order(ByteOrder.nativeOrder())

    companion object {
        fun named(name: String): ElementType? = entries.firstOrNull { it.manifestName == name }
    }
}

/**
 * An input or output of a model: `real = (code − zeroPoint) · scale`.
 *
 * [shape] with the batch in front. [quantization] is null where the elements are real numbers, or plain counts.
 */
data class TensorInfo(
    val name: String,
    val shape: List<Int>,
    val type: ElementType,
    val quantization: Quantization? = null,
) {
    /** Elements of one sample. */
    val sampleSize: Int get() = shape.drop(1).fold(1, Int::times)

    val description: String get() = "${type.manifestName} $shape"
}

/** The codes of a tensor, widened to `Int`, in the order in which they lie in memory. */
fun ByteBuffer.codes(type: ElementType): IntArray {
    val source = duplicate().order(order()).apply { rewind() }
    return IntArray(source.remaining() / type.bytes) {
        when (type) {
            ElementType.INT8 -> source.get().toInt()
            // The mask belongs to uint8 alone: on an int8 code it would turn −1 into 255.
            ElementType.UINT8 -> source.get().toInt() and 0xFF
            ElementType.INT16 -> source.getShort().toInt()
            ElementType.INT32 -> source.getInt()
            ElementType.FLOAT32 -> error("float32 tensors hold no codes")
        }
    }
}

/** Writes codes as the tensor stores them, from the buffer's beginning. */
fun ByteBuffer.putCodes(type: ElementType, codes: IntArray) {
    clear()
    for (code in codes) {
        when (type) {
            ElementType.INT8, ElementType.UINT8 -> put(code.toByte())
            ElementType.INT16 -> putShort(code.toShort())
            ElementType.INT32 -> putInt(code)
            ElementType.FLOAT32 -> error("float32 tensors hold no codes")
        }
    }
    rewind()
}

/** The real numbers of a float32 tensor. */
fun ByteBuffer.reals(): FloatArray {
    val source = duplicate().order(order()).apply { rewind() }.asFloatBuffer()
    return FloatArray(source.remaining()).also { source.get(it) }
}
