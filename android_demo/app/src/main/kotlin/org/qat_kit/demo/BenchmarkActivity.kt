package org.qat_kit.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.os.Bundle as State
import android.view.WindowManager
import android.widget.Button
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.TextView
import java.io.File
import java.io.IOException
import kotlin.concurrent.thread
import org.qat_kit.inference.BenchmarkPlan
import org.qat_kit.inference.DeviceMeasurement
import org.qat_kit.inference.EngineMeasurement

/**
 * Measures the bundle on this device; by hand, or from a computer:
 *
 *     adb shell am start -n org.qat_kit.demo/.BenchmarkActivity --es bundle FOLDER --es out FILE [--ei runs N]
 *
 * `bundle` is a folder that the app can read, or `assets` (the app's own). `out` is a name in the app's external files.
 * Beside it stands `FILE.error` where the measurement failed, and `FILE.partial` while it goes on.
 */
class BenchmarkActivity : Activity() {
    private var run: BenchmarkRun? = null
    private var isHanded = false
    private var measurement: DeviceMeasurement? = null

    override fun onCreate(state: State?) {
        super.onCreate(state)
        setContentView(R.layout.activity_benchmark)
        view<Button>(R.id.start).setOnClickListener { if (run == null) begin() else run?.end() }
        view<Button>(R.id.share).setOnClickListener { share() }
        view<Button>(R.id.export).setOnClickListener { export() }
        val kept = retained
        when {
            kept != null -> takeOver(kept)
            // The process ended in mid-run: what was written meanwhile is there, and the rest starts anew.
            state?.getBoolean(RUNNING) == true -> begin()
            state == null && intent.hasExtra(OUT) -> begin()
            else -> showEnd(null)
        }
    }

    override fun onNewIntent(fresh: Intent) {
        super.onNewIntent(fresh)
        intent = fresh
        if (run == null && fresh.hasExtra(OUT)) begin()
    }

    override fun onSaveInstanceState(state: State) {
        super.onSaveInstanceState(state)
        state.putBoolean(RUNNING, run != null)
    }

    override fun onDestroy() {
        listeners -= this
        if (!isChangingConfigurations && !isHanded) run?.end()
        super.onDestroy()
    }

    /** A run outlives the screen that started it: rotation makes another screen, which listens on. */
    @Deprecated("AndroidX has view models; this app is written against the framework alone")
    override fun onRetainNonConfigurationInstance(): Any? {
        isHanded = true
        return Kept(run, measurement)
    }

    @Suppress("DEPRECATION")
    private val retained: Kept? get() = lastNonConfigurationInstance as? Kept

    private class Kept(val run: BenchmarkRun?, val measurement: DeviceMeasurement?)

    private fun takeOver(kept: Kept) {
        run = kept.run
        kept.measurement?.let { showResult(it) }
        listeners += this
        if (run != null) showRunning() else showEnd(null)
    }

    private fun begin() {
        val source = Bundles(this).named(intent.getStringExtra(BUNDLE))
        val runs = intent.getIntExtra(RUNS, BenchmarkPlan().numRuns).coerceIn(1, MOST_RUNS)
        val fresh = BenchmarkRun(applicationContext, source, BenchmarkPlan(numRuns = runs))
        val out = intent.getStringExtra(OUT)?.let { Output(File(getExternalFilesDir(null) ?: filesDir, File(it).name)) }
        run = fresh
        listeners += this
        showRunning()
        val message = { error: Throwable -> applicationContext.readable(error) }
        thread(name = "benchmark") { work(fresh, out, message) }
    }

    private fun showRunning() {
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        view<Button>(R.id.start).setText(R.string.stop)
    }

    private fun showProgress(progress: BenchmarkProgress) {
        view<ProgressBar>(R.id.progress).run {
            max = progress.total
            this.progress = progress.done
        }
        val status = view<TextView>(R.id.status)
        val text = getString(R.string.step, progress.step, progress.done, progress.total)
        // Said once for each engine, or a screen reader would never be silent.
        status.contentDescription = progress.step
        status.text = text
    }

    private fun showResult(found: DeviceMeasurement) {
        measurement = found
        val results = view<LinearLayout>(R.id.results).apply { removeAllViews() }
        for (one in found.measured) results.addView(card(one))
        view<TextView>(R.id.facts).text = found.environment.entries.joinToString("\n") { "${it.key}: ${it.value}" }
        for (id in listOf(R.id.share, R.id.export)) view<Button>(id).isEnabled = true
    }

    private fun card(one: EngineMeasurement): LinearLayout = LinearLayout(this).apply {
        orientation = LinearLayout.VERTICAL
        setBackgroundResource(R.drawable.panel)
        val space = (PADDING_DP * resources.displayMetrics.density).toInt()
        setPadding(space, space, space, space)
        layoutParams = LinearLayout.LayoutParams(
            LinearLayout.LayoutParams.MATCH_PARENT,
            LinearLayout.LayoutParams.WRAP_CONTENT,
        ).apply { topMargin = space }
        addView(TextView(context).apply {
            text = summary(one)
            setTextColor(getColor(R.color.text))
        })
        addView(HistogramView(context, one.latency))
    }

    private fun summary(one: EngineMeasurement): String {
        val time = one.latency
        val accuracy = one.accuracy?.proportion?.let {
            "accuracy %.1f %% (95 %%: %.1f to %.1f) of %d".format(100 * it.value, 100 * it.low, 100 * it.high, it.numSamples)
        }
        return listOfNotNull(
            "${one.form.removeSuffix("_tflite")} · ${one.configuration}",
            "p50 %.3f · p90 %.3f · p99 %.3f ms".format(time.percentile(50.0), time.percentile(90.0), time.percentile(99.0)),
            accuracy,
            one.golden.takeIf { it.isNotEmpty() }?.joinToString("\n") { "golden: ${it.sentence}" },
            one.notes.takeIf { it.isNotEmpty() }?.joinToString("\n"),
        ).joinToString("\n")
    }

    private fun showEnd(text: String?) {
        run = null
        window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        view<Button>(R.id.start).setText(R.string.start)
        for (id in listOf(R.id.share, R.id.export)) view<Button>(id).isEnabled = measurement != null
        if (text != null) view<TextView>(R.id.status).run {
            contentDescription = null
            this.text = text
        }
    }

    private fun share() {
        val found = measurement ?: return
        val send = Intent(Intent.ACTION_SEND).setType("application/json").putExtra(Intent.EXTRA_TEXT, found.toJson())
        startActivity(Intent.createChooser(send, getString(R.string.share)))
    }

    @Suppress("DEPRECATION")
    private fun export() {
        val found = measurement ?: return
        val create = Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE)
            .setType("application/json").putExtra(Intent.EXTRA_TITLE, "${found.model}.json")
        try {
            startActivityForResult(create, EXPORT)
        } catch (_: ActivityNotFoundException) {
            share()
        }
    }

    @Deprecated("AndroidX has another; this app is written against the framework alone")
    override fun onActivityResult(request: Int, code: Int, data: Intent?) {
        val uri = data?.data
        if (request != EXPORT || code != RESULT_OK || uri == null) return
        try {
            contentResolver.openOutputStream(uri)?.use { it.write(measurement?.toJson().orEmpty().toByteArray()) }
        } catch (error: IOException) {
            showEnd(readable(error))
        }
    }

    companion object {
        const val BUNDLE = "bundle"
        const val OUT = "out"
        const val RUNS = "runs"
        private const val RUNNING = "running"
        private const val EXPORT = 1
        private const val MOST_RUNS = 100_000
        private const val PADDING_DP = 12
        private const val TELL_EVERY_NS = 100_000_000L

        /** The screens that listen to runs: none, or the one that is shown. */
        private val listeners: MutableSet<BenchmarkActivity> = java.util.concurrent.ConcurrentHashMap.newKeySet()

        private fun tell(run: BenchmarkRun, what: BenchmarkActivity.() -> Unit) {
            for (screen in listeners) screen.runOnUiThread { if (screen.run === run && !screen.isDestroyed) screen.what() }
        }

        private fun work(run: BenchmarkRun, out: Output?, message: (Throwable) -> String?) {
            // Told now and then: a message for each inference would disturb what is measured.
            var toldNs = 0L
            try {
                val found = run.measure(
                    onProgress = { progress ->
                        val now = System.nanoTime()
                        if (progress.done == 0 || now - toldNs > TELL_EVERY_NS) {
                            toldNs = now
                            tell(run) { showProgress(progress) }
                        }
                    },
                    onResult = { partial ->
                        out?.partial(partial.toJson())
                        tell(run) { showResult(partial) }
                    },
                )
                out?.finish(found.toJson())
                tell(run) {
                    showResult(found)
                    showEnd(getString(if (found.isPartial) R.string.ended_early else R.string.done))
                }
            } catch (error: Throwable) {
                val text = message(error)
                out?.fail(text ?: error.toString())
                if (text == null) throw error
                tell(run) { showEnd(text) }
            }
        }
    }

    /** The files that a computer waits for. The last name appears when its content is whole. */
    private class Output(private val file: File) {
        init {
            for (old in listOf(file, named("error"), named("partial"))) old.delete()
        }

        fun partial(text: String) = write(named("partial"), text)

        fun finish(text: String) {
            write(file, text)
            named("partial").delete()
        }

        fun fail(text: String) = write(named("error"), text)

        private fun named(end: String) = File(file.path + "." + end)

        private fun write(to: File, text: String) {
            val fresh = named("new")
            fresh.writeText(text)
            if (!fresh.renameTo(to)) throw IOException("${to.name} cannot be written")
        }
    }
}
