package org.qat_kit.inference

/**
 * One form of the model on one engine, measured. [form] as the kit calls it: `int8_tflite` or `float32_tflite`.
 *
 * [accuracy] and [golden] are null or empty where the bundle has nothing to compare with.
 */
class EngineMeasurement(
    val form: String,
    val sizeBytes: Long,
    val latency: Latency,
    val accuracy: Accuracy? = null,
    val golden: List<GoldenResult> = emptyList(),
    val notes: List<String> = emptyList(),
) {
    val configuration: String get() = "${latency.kernelSet}×${latency.numThreads}"
}

/**
 * All that was measured of a bundle on one device, in the kit's schema (`qat_kit.results.Measurement`, format 2).
 *
 * The first measurement of a form bears its name (`int8_tflite`), the others name their engine too (`int8_tflite gpu×1`).
 * What the schema has no place for stands in [environment], text by text: the device, battery, heat, memory, what the
 * golden vectors say, and `partial` where the measurement was ended early.
 */
class DeviceMeasurement(
    val model: String,
    val measured: List<EngineMeasurement>,
    val environment: Map<String, String>,
    val isPartial: Boolean = false,
) {
    fun toJson(): String = Json.write(
        mapOf(
            "format_version" to 2,
            "models" to named().map { (name, one) -> model(name, one) },
            "comparisons" to emptyList<Any>(),
            "paired" to emptyList<Any>(),
            "robustness" to emptyList<Any>(),
            "environment" to environment + findings(),
        ),
    )

    private fun named(): List<Pair<String, EngineMeasurement>> {
        val seen = HashSet<String>()
        return measured.map { (if (seen.add(it.form)) it.form else "${it.form} ${it.configuration}") to it }
    }

    private fun findings(): Map<String, String> = buildMap {
        put("model", model)
        if (isPartial) put("partial", "true")
        for ((name, one) in named()) {
            if (one.golden.isNotEmpty()) put("golden $name", one.golden.joinToString("; ") { it.sentence })
            if (one.notes.isNotEmpty()) put("notes $name", one.notes.joinToString("; "))
        }
    }

    private fun model(name: String, one: EngineMeasurement) = mapOf(
        "name" to name,
        "quality" to one.accuracy?.let { quality(it) },
        "size_bytes" to one.sizeBytes,
        "latency" to latency(one.latency),
        "outputs" to emptyMap<String, Any>(),
    )

    private fun quality(accuracy: Accuracy): Map<String, Any> {
        val share = accuracy.proportion
        val figure = mapOf("value" to share.value, "low" to share.low, "high" to share.high, "higher_is_better" to true, "unit" to "")
        return mapOf(
            "task" to "classification",
            "num_samples" to share.numSamples,
            "figures" to mapOf("accuracy" to figure),
            "classes" to classes(accuracy.confusion),
            "confusion" to accuracy.confusion.map { it.toList() },
            "curves" to emptyMap<String, Any>(),
            "notes" to emptyList<String>(),
        )
    }

    private fun classes(confusion: List<IntArray>): Map<Int, Any> = buildMap {
        for ((number, row) in confusion.withIndex()) {
            val count = row.sum()
            if (count == 0) continue
            val right = row[number]
            val answered = confusion.sumOf { it[number] }
            put(
                number,
                mapOf(
                    "count" to count,
                    "precision" to if (answered == 0) null else right.toDouble() / answered,
                    "recall" to right.toDouble() / count,
                    "f1" to 2.0 * right / (count + answered),
                ),
            )
        }
    }

    private fun latency(latency: Latency): Map<String, Any?> {
        val (low, high) = Statistics.medianInterval(latency.sortedMs)
        return mapOf(
            "kernel_set" to latency.kernelSet,
            "num_threads" to latency.numThreads,
            "num_runs" to latency.sortedMs.size,
            "num_warm_up_runs" to latency.warmUpMs.size,
            "mean_ms" to latency.sortedMs.average(),
            "std_ms" to Statistics.standardDeviation(latency.sortedMs),
            "min_ms" to latency.sortedMs.first(),
            "p5_ms" to latency.percentile(5.0),
            "p50_ms" to latency.percentile(50.0),
            "p50_low_ms" to low,
            "p50_high_ms" to high,
            "p90_ms" to latency.percentile(90.0),
            "p95_ms" to latency.percentile(95.0),
            "p99_ms" to latency.percentile(99.0),
            "max_ms" to latency.sortedMs.last(),
            "init_ms" to latency.initMs,
            "first_ms" to latency.firstMs,
            "warm_up_mean_ms" to latency.warmUpMs.takeIf { it.isNotEmpty() }?.average(),
        )
    }
}
