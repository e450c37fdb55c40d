package org.qat_kit.inference

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.ln
import kotlin.math.log10
import kotlin.math.max
import kotlin.math.min
import kotlin.math.pow
import kotlin.math.roundToInt
import kotlin.math.sin

/**
 * Sound as a picture of frequencies over time: natural logarithms of the energies in mel-spaced bands, as
 * `qat_kit.datasets.log_mel` makes them.
 *
 * The kit sums in float32 and this in doubles, so values agree to about 1e-6; an int8 input of such a picture has steps
 * of some 1e-2. The spectrum is a plain Fourier sum over a table of cosines: a second of sound takes a few ms, once.
 */
class LogMel(
    sampleRate: Int,
    windowSeconds: Double = 0.032,
    hopSeconds: Double = 0.02,
    private val numBands: Int = 32,
    lowestHz: Double = 60.0,
    private val floor: Float = 1e-5f,
) {
    private val window = (windowSeconds * sampleRate).roundToInt()
    private val hop = (hopSeconds * sampleRate).roundToInt()
    private val hann = FloatArray(window) { (0.5 - 0.5 * cos(2 * PI * it / window)).toFloat() }
    private val cosines = DoubleArray(window) { cos(2 * PI * it / window) }
    private val sines = DoubleArray(window) { sin(2 * PI * it / window) }
    private val bands = triangles(sampleRate, lowestHz)

    fun numFrames(length: Int): Int = max(0, (length - window) / hop + 1)

    /** [frames, bands], row by row, of samples from −1 to 1. */
    fun of(wave: FloatArray): FloatArray {
        val out = FloatArray(numFrames(wave.size) * numBands)
        for (frame in 0 until numFrames(wave.size)) {
            val powers = powers(FloatArray(window) { wave[frame * hop + it] * hann[it] })
            for (band in 0 until numBands) {
                var energy = 0.0
                for (frequency in powers.indices) energy += powers[frequency] * bands[frequency][band]
                out[frame * numBands + band] = ln((energy / window).toFloat() + floor)
            }
        }
        return out
    }

    private fun powers(frame: FloatArray) = FloatArray(window / 2 + 1) { frequency ->
        var real = 0.0
        var imaginary = 0.0
        var angle = 0
        for (value in frame) {
            real += value * cosines[angle]
            imaginary -= value * sines[angle]
            angle += frequency
            if (angle >= window) angle -= window
        }
        (real * real + imaginary * imaginary).toFloat()
    }

    /** The weight of each frequency in each band, [window / 2 + 1][bands]. */
    private fun triangles(sampleRate: Int, lowestHz: Double): List<FloatArray> {
        val (lowest, highest) = mel(lowestHz) to mel(sampleRate / 2.0)
        val edges = DoubleArray(numBands + 2) {
            700 * (10.0.pow((lowest + (highest - lowest) * it / (numBands + 1)) / 2595) - 1)
        }
        return List(window / 2 + 1) { place ->
            val frequency = place * sampleRate.toDouble() / window
            FloatArray(numBands) { band ->
                val rising = (frequency - edges[band]) / (edges[band + 1] - edges[band])
                val falling = (edges[band + 2] - frequency) / (edges[band + 2] - edges[band + 1])
                max(0.0, min(rising, falling)).toFloat()
            }
        }
    }

    private fun mel(frequency: Double) = 2595 * log10(1 + frequency / 700)
}
