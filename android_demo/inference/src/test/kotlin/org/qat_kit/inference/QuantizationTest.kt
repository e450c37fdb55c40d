package org.qat_kit.inference

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class QuantizationTest {
    /** Ties, the ends of the range and what lies beyond, as the kit rounds them. */
    @Test
    fun `codes and reals are the kit's, to the bit`() {
        for ((name, table) in Cases.arrays("numbers.npz")) {
            val (rows, _, size) = table.shape
            repeat(rows) { row ->
                val (scale, zeroPoint, reals, codes, back) = List(5) {
                    table.values.copyOfRange((row * 5 + it) * size, (row * 5 + it + 1) * size)
                }
                val quantization = Quantization(scale[0].toFloat(), zeroPoint[0].toInt(), ElementType.named(name)!!)
                assertArrayEquals("$name, $quantization", codes.ints(), quantization.quantize(reals.floats()))
                assertArrayEquals("$name, $quantization", back.floats(), quantization.dequantize(codes.ints()), 0f)
            }
        }
    }

    @Test
    fun `a tie goes to the even number, not away from zero`() {
        val half = Quantization(1f, 0, ElementType.INT8)
        assertArrayEquals(intArrayOf(0, 2, 2, 0, -2), half.quantize(floatArrayOf(0.5f, 1.5f, 2.5f, -0.5f, -1.5f)))
    }

    @Test
    fun `the zero point is in, and taken out again`() {
        val image = Quantization(1f / 255, -128, ElementType.INT8)
        assertEquals(-128, image.quantize(0f))
        assertEquals(127, image.quantize(1f))
        assertEquals(0f, image.dequantize(-128), 0f)
        assertEquals(1f, image.dequantize(127), 1e-6f)
    }

    @Test
    fun `what lies beyond saturates and does not wrap`() {
        val quantization = Quantization(1e-30f, 100, ElementType.INT8)
        assertEquals(127, quantization.quantize(Float.MAX_VALUE))
        assertEquals(-128, quantization.quantize(-Float.MAX_VALUE))
        assertEquals(127, quantization.quantize(Float.POSITIVE_INFINITY))
        assertThrows(IllegalArgumentException::class.java) { quantization.quantize(Float.NaN) }
    }

    @Test
    fun `codes survive their buffer with their sign`() {
        for (type in listOf(ElementType.INT8, ElementType.UINT8, ElementType.INT16, ElementType.INT32)) {
            val codes = intArrayOf(type.minimum, -1, 0, 1, type.maximum).filter { it >= type.minimum }.toIntArray()
            val buffer = type.buffer(codes.size).apply { putCodes(type, codes) }
            assertArrayEquals(type.manifestName, codes, buffer.codes(type))
        }
    }
}
