package org.qat_kit.inference

/**
 * Scale and zero point of a tensor, and the arithmetic of the kit (`qat_kit/numerics/affine.py`), to the bit.
 *
 *     code = clip(round(real / scale) + zeroPoint, minimum, maximum)        real = (code − zeroPoint) · scale
 *
 * The division is in float32, a tie goes to the even number, as XNNPACK does it and as the golden vectors were made.
 * Codes are signed for int8: a mask of `0xFF` has no place here.
 */
data class Quantization(val scale: Float, val zeroPoint: Int, val type: ElementType) {
    init {
        require(scale.isFinite() && scale > 0f) { "a scale must be a positive number, received $scale" }
        require(type != ElementType.FLOAT32) { "float32 tensors have no scale" }
    }

    /** Saturates, never wraps. Throws IllegalArgumentException for NaN, which has no code. */
    fun quantize(real: Float): Int {
        require(!real.isNaN()) { "NaN has no code" }
        // Math.rint rounds half to even; a quotient beyond Int saturates in `clip`, since the sum stays a Double.
        val steps = Math.rint((real / scale).toDouble())
        return (steps + zeroPoint).coerceIn(type.minimum.toDouble(), type.maximum.toDouble()).toInt()
    }

    fun quantize(reals: FloatArray): IntArray = IntArray(reals.size) { quantize(reals[it]) }

    fun dequantize(code: Int): Float = (code - zeroPoint).toFloat() * scale

    fun dequantize(codes: IntArray): FloatArray = FloatArray(codes.size) { dequantize(codes[it]) }
}
