package org.qat_kit.demo

import android.content.Context
import java.nio.ByteBuffer
import org.qat_kit.inference.Benchmark
import org.qat_kit.inference.BenchmarkPlan
import org.qat_kit.inference.Bundle
import org.qat_kit.inference.BundleException
import org.qat_kit.inference.BundleSource
import org.qat_kit.inference.Cancelled
import org.qat_kit.inference.DeviceMeasurement
import org.qat_kit.inference.Engine
import org.qat_kit.inference.EngineMeasurement
import org.qat_kit.inference.Manifest
import org.qat_kit.inference.checkGolden
import org.qat_kit.inference.describing

/** How far a measurement has come. [step] names the engine at work. */
data class BenchmarkProgress(val step: String, val done: Int, val total: Int)

/**
 * Measures a bundle on every engine of this device, int8 and float, one after the other.
 *
 * What an engine refuses is written down among the facts, and the others go on. [onResult] sees what there is after each
 * engine, so that an end in mid-run loses one engine's figures and no more.
 */
class BenchmarkRun(private val context: Context, private val source: BundleSource, private val plan: BenchmarkPlan) {
    private val application = context.applicationContext as DemoApplication
    private val facts = DeviceFacts(context)
    private val measured = mutableListOf<EngineMeasurement>()
    private val refusals = mutableMapOf<String, String>()

    @Volatile
    private var isEnded = false

    fun end() {
        isEnded = true
    }

    /** Blocks for as long as it takes. Throws [BundleException] where there is nothing to measure. */
    fun measure(onProgress: (BenchmarkProgress) -> Unit, onResult: (DeviceMeasurement) -> Unit): DeviceMeasurement {
        val before = facts.all() + facts.changing("before")
        val bundle = Bundle.open(source)
        fun result(isPartial: Boolean) =
            DeviceMeasurement(bundle.manifest.name, measured.toList(), before + facts.changing("after") + refusals, isPartial)
        try {
            for (choice in application.choices) {
                measureOne("int8_tflite", bundle, bundle.model, choice, onProgress)
                onResult(result(isPartial = true))
            }
            bundle.floatModel?.let {
                measureOne("float32_tflite", bundle, it, EngineChoice(EngineChoice.Kind.XNNPACK), onProgress)
            }
        } catch (_: Cancelled) {
            return result(isPartial = true)
        }
        if (measured.isEmpty()) throw BundleException.NotSupported("No engine of this device runs the model: ${refusals.values.joinToString()}")
        return result(isPartial = false)
    }

    private fun measureOne(
        form: String,
        bundle: Bundle,
        model: ByteBuffer,
        choice: EngineChoice,
        onProgress: (BenchmarkProgress) -> Unit,
    ) {
        val step = "$form ${choice.label}"
        try {
            application.engines.make(model, choice).use { engine ->
                val manifest = if (form == "int8_tflite") bundle.manifest else bundle.manifest.describing(engine)
                measured += figures(form, manifest, bundle, model, engine) { done, total ->
                    onProgress(BenchmarkProgress(step, done, total))
                    !isEnded
                }
            }
        } catch (error: BundleException) {
            refusals["refused $step"] = error.message.orEmpty()
        }
    }

    private fun figures(
        form: String,
        manifest: Manifest,
        bundle: Bundle,
        model: ByteBuffer,
        engine: Engine,
        progress: (Int, Int) -> Boolean,
    ): EngineMeasurement {
        val golden = checkGolden(manifest, engine)
        val benchmark = Benchmark(manifest, engine)
        val latency = benchmark.latency(bundle.evaluation?.inputs?.firstOrNull(), plan, progress)
        val accuracy = benchmark.accuracy(bundle.evaluation, progress)
        return EngineMeasurement(form, model.remaining().toLong(), latency, accuracy, golden, engine.notes)
    }
}
