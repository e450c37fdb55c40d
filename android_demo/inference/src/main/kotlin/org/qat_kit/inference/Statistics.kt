package org.qat_kit.inference

import kotlin.math.floor
import kotlin.math.min
import kotlin.math.sqrt

/** A share of right answers with its 95 % interval. */
data class Proportion(val numRight: Int, val numSamples: Int, val low: Double, val high: Double) {
    val value: Double get() = numRight.toDouble() / numSamples
}

/** Figures of a series of measurements, computed as the kit computes them (`qat_kit/measure`). */
object Statistics {
    /** The normal quantile of 97.5 %. */
    private const val Z = 1.959963984540054

    /** NumPy's default: linear between the two values around (n − 1) · percent / 100. [sorted] must rise. */
    fun percentile(sorted: DoubleArray, percent: Double): Double {
        require(sorted.isNotEmpty()) { "a percentile needs at least one value" }
        val place = (sorted.size - 1) * percent / 100
        val below = floor(place).toInt()
        val above = min(below + 1, sorted.size - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (place - below)
    }

    /** Of a population: divided by n, as NumPy's default. */
    fun standardDeviation(values: DoubleArray): Double {
        val mean = values.average()
        return sqrt(values.sumOf { (it - mean) * (it - mean) } / values.size)
    }

    /**
     * The 95 % interval of a median between two of the values: the k-th from below and from above, k the largest with
     * P(Binomial(n, ½) < k) ≤ 0.025. Source: Conover 1999, Practical Nonparametric Statistics, section 3.2.
     */
    fun medianInterval(sorted: DoubleArray): Pair<Double, Double> {
        val n = sorted.size
        // Probabilities as logarithms, since 2^-n leaves the doubles for n > 1074.
        var logProbability = -n * kotlin.math.ln(2.0)
        var below = kotlin.math.exp(logProbability)
        var k = 0
        while (below < 0.025 && k < n) {
            logProbability += kotlin.math.ln((n - k).toDouble() / (k + 1))
            k++
            below += kotlin.math.exp(logProbability)
        }
        val rank = maxOf(1, k)
        return sorted[rank - 1] to sorted[n - rank]
    }

    /** The Wilson score interval. Source: Wilson 1927, Journal of the American Statistical Association 22, 209–212. */
    fun wilson(numRight: Int, numSamples: Int): Proportion {
        require(numSamples >= 1 && numRight in 0..numSamples) { "$numRight of $numSamples is no share" }
        val n = numSamples.toDouble()
        val p = numRight / n
        val middle = p + Z * Z / (2 * n)
        val half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        val whole = 1 + Z * Z / n
        // The ends are exact where nothing, or everything, is right.
        val low = if (numRight == 0) 0.0 else (middle - half) / whole
        val high = if (numRight == numSamples) 1.0 else (middle + half) / whole
        return Proportion(numRight, numSamples, low, high)
    }

    /** How many of the values lie in each of [numBins] equal bins from the least value to [highest]; beyond, in the last. */
    fun histogram(sorted: DoubleArray, numBins: Int, highest: Double): IntArray {
        val counts = IntArray(numBins)
        val lowest = sorted.first()
        val size = (highest - lowest) / numBins
        for (value in sorted) {
            val bin = if (size > 0) ((value - lowest) / size).toInt() else 0
            counts[bin.coerceIn(0, numBins - 1)]++
        }
        return counts
    }
}
