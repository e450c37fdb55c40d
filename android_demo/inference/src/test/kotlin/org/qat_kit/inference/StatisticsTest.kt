package org.qat_kit.inference

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test

class StatisticsTest {
    private val cases = Cases.arrays("statistics.npz")

    @Test
    fun `percentiles, spread and intervals are the kit's`() {
        for (count in listOf(1, 5, 6, 200, 1500)) {
            val sorted = cases.getValue("values_$count").values
            val (low, high) = Statistics.medianInterval(sorted)
            val found = cases.getValue("percents").values.map { Statistics.percentile(sorted, it) } +
                listOf(sorted.average(), Statistics.standardDeviation(sorted), low, high)
            assertArrayEquals("$count values", cases.getValue("figures_$count").values, found.toDoubleArray(), 1e-12)
        }
    }

    @Test
    fun `Wilson intervals are the kit's`() {
        val table = cases.getValue("wilson")
        repeat(table.shape.first()) {
            val (right, samples, low, high) = table.row(it).toList()
            val found = Statistics.wilson(right.toInt(), samples.toInt())
            assertArrayEquals(doubleArrayOf(low, high), doubleArrayOf(found.low, found.high), 1e-12)
        }
    }

    @Test
    fun `a histogram counts everything once, and what lies beyond in the last bin`() {
        val counts = Statistics.histogram(doubleArrayOf(1.0, 1.1, 1.9, 2.0, 9.0), numBins = 4, highest = 2.0)
        assertArrayEquals(intArrayOf(2, 0, 0, 3), counts)
        assertArrayEquals(intArrayOf(2, 0), Statistics.histogram(doubleArrayOf(1.0, 1.0), numBins = 2, highest = 1.0))
        assertEquals(1, Statistics.histogram(doubleArrayOf(3.0), numBins = 1, highest = 3.0).single())
    }
}
