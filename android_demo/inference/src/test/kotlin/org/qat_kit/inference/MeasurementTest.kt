package org.qat_kit.inference

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Test

/** The JSON that leaves the phone; scripts/test_android reads it with the kit's own `Measurement`. */
class MeasurementTest {
    @Test
    fun `a measurement in the kit's schema names each engine, and figures of each class`() {
        val confusion = listOf(intArrayOf(9, 1, 0), intArrayOf(0, 5, 0), intArrayOf(0, 0, 0))
        val measured = listOf("xnnpack" to 1, "xnnpack" to 4).map { (kernelSet, threads) ->
            val times = DoubleArray(100) { 1.0 + it / 100.0 }
            EngineMeasurement(
                form = "int8_tflite",
                sizeBytes = 30346,
                latency = Latency(kernelSet, threads, initMs = 2.0, firstMs = 3.0, doubleArrayOf(2.0, 1.0), times),
                accuracy = Accuracy(confusion),
                golden = listOf(GoldenResult("xnnpack on x86_64 (LiteRT 2.3.0)", Agreement.EQUAL, 0, 80, 0.0)),
            )
        }
        val json = DeviceMeasurement("digits", measured, mapOf("architecture" to "aarch64"), isPartial = true).toJson()
        File(System.getProperty("out") ?: "build", "measurement.json").apply { parentFile.mkdirs() }.writeText(json)

        val root = Json.parse(json) as Map<*, *>
        val models = (root["models"] as List<*>).map { it as Map<*, *> }
        assertEquals(listOf("int8_tflite", "int8_tflite xnnpack×4"), models.map { it["name"] })
        val quality = models[0]["quality"] as Map<*, *>
        val classes = quality["classes"] as Map<*, *>
        assertEquals(mapOf("count" to 10L, "precision" to 1.0, "recall" to 0.9, "f1" to 18.0 / 19), classes["0"])
        assertEquals(setOf("0", "1"), classes.keys)
        val environment = root["environment"] as Map<*, *>
        assertEquals("true", environment["partial"])
        assertEquals("equal to xnnpack on x86_64 (LiteRT 2.3.0) in all 80 outputs", environment["golden int8_tflite"])
    }
}
