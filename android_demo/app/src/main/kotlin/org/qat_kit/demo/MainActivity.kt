package org.qat_kit.demo

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.os.Build
import android.os.Bundle as State
import android.provider.MediaStore
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import kotlin.concurrent.thread
import org.qat_kit.inference.Bundle
import org.qat_kit.inference.BundleException
import org.qat_kit.inference.Classifier
import org.qat_kit.inference.Engine
import org.qat_kit.inference.FrontEnd
import org.qat_kit.inference.Scores
import org.qat_kit.inference.checkGolden

/** Shows a bundle at work: what its input calls for is offered, what comes of it stands below. */
class MainActivity : Activity() {
    private val bundles by lazy { Bundles(this) }
    private val result: BarsView by lazy { view(R.id.result) }
    private val picture: ImageView by lazy { view(R.id.picture) }

    private var bundle: Bundle? = null
    private var engine: Engine? = null
    private var frontEnd: FrontEnd = FrontEnd.Samples("")
    private var lastInput: FloatArray? = null
    private var sampleShown = -1
    private var endRecording: () -> Unit = {}

    override fun onCreate(state: State?) {
        super.onCreate(state)
        setContentView(R.layout.activity_main)
        open()
        state?.getFloatArray(LAST_INPUT)?.let { classify(it) }
        sampleShown = state?.getInt(SAMPLE, -1) ?: -1
    }

    override fun onSaveInstanceState(state: State) {
        super.onSaveInstanceState(state)
        state.putInt(SAMPLE, sampleShown)
        // A large input is taken anew: the system ends apps whose saved state is larger than it likes.
        lastInput?.takeIf { it.size <= LARGEST_SAVED }?.let { state.putFloatArray(LAST_INPUT, it) }
    }

    override fun onDestroy() {
        endRecording()
        engine?.close()
        super.onDestroy()
    }

    /** Opens the current bundle and offers what its input calls for; a fault is told, and nothing is offered. */
    private fun open() {
        engine?.close()
        engine = null
        bundle = null
        lastInput = null
        say(null)
        result.show(null)
        view<LinearLayout>(R.id.actions).removeAllViews()
        view<View>(R.id.draw).visibility = View.GONE
        picture.visibility = View.GONE
        view<TextView>(R.id.golden).text = ""
        guarded {
            val opened = Bundle.open(bundles.current())
            val made = (application as DemoApplication).engines.make(opened.model, EngineChoice(EngineChoice.Kind.XNNPACK))
            engine = made
            Classifier(opened.manifest, made)
            bundle = opened
            frontEnd = FrontEnd.of(opened.manifest)
            describe(opened, made)
            offer(opened)
        }
        offerBundles()
    }

    private fun describe(opened: Bundle, made: Engine) {
        val manifest = opened.manifest
        view<TextView>(R.id.title).text = manifest.name
        view<TextView>(R.id.about).text = listOf(
            manifest.description,
            "${manifest.file.kind}, %,d bytes".format(manifest.file.sizeBytes),
        ).filter { it.isNotEmpty() }.joinToString("\n")
        val found = checkGolden(manifest, made)
        view<TextView>(R.id.golden).text = when {
            found.isEmpty() -> "The bundle has no golden vectors to compare with."
            else -> "Golden vectors, ${made.kernelSet} on ${Build.SUPPORTED_ABIS.firstOrNull()}:\n" +
                found.joinToString("\n") { "· ${it.sentence}" }
        }
    }

    private fun offer(opened: Bundle) {
        when (val wanted = frontEnd) {
            is FrontEnd.Counts -> offerDrawing()
            is FrontEnd.Picture -> {
                if (wanted.canBeDrawn) offerDrawing()
                action(R.string.take_picture) { takePicture() }
                action(R.string.pick_picture) { pickPicture() }
            }
            is FrontEnd.Sound -> action(R.string.listen) { listen() }
            is FrontEnd.Motion -> action(R.string.move) { recordMotion(wanted) }
            is FrontEnd.Samples -> say(wanted.why)
        }
        if (opened.evaluation != null) action(R.string.next_sample) { nextSample(opened) }
    }

    private fun offerDrawing() {
        val pad = view<DrawView>(R.id.draw)
        pad.visibility = View.VISIBLE
        pad.onDrawn = { drawing ->
            when (val wanted = frontEnd) {
                is FrontEnd.Counts -> if (drawing.isEmpty) forget() else classify(wanted.of(drawing))
                is FrontEnd.Picture -> if (drawing.isEmpty) forget() else classify(wanted.of(drawing))
                else -> Unit
            }
        }
        action(R.string.clear) { pad.clear() }
    }

    private fun offerBundles() {
        val more = view<LinearLayout>(R.id.more).apply { removeAllViews() }
        action(R.string.benchmark, more) { startActivity(Intent(this, BenchmarkActivity::class.java)) }
        action(R.string.open_bundle, more) { ask(Intent(Intent.ACTION_OPEN_DOCUMENT_TREE), PICK_BUNDLE) }
        action(R.string.own_bundle, more) {
            bundles.forgetPicked()
            open()
        }
    }

    private fun action(text: Int, into: LinearLayout = view(R.id.actions), onClick: () -> Unit) {
        val button = Button(this).apply {
            setText(text)
            isAllCaps = false
            tag = text
            setOnClickListener { onClick() }
        }
        into.addView(button, LinearLayout.LayoutParams(LinearLayout.LayoutParams.MATCH_PARENT, LinearLayout.LayoutParams.WRAP_CONTENT))
    }

    /** The model's answer to one input; errors of any listed kind are told, not thrown. */
    fun classify(input: FloatArray) = guarded {
        val opened = bundle ?: return@guarded
        val manifest = opened.manifest
        lastInput = input
        val outcome = Classifier(manifest, engine ?: return@guarded).classify(input, k = SHOWN)
        result.show(outcome, hasShares = manifest.scores != Scores.VALUES)
    }

    private fun forget() {
        lastInput = null
        result.show(null)
    }

    private fun nextSample(opened: Bundle) = guarded {
        val samples = opened.evaluation ?: return@guarded
        sampleShown = (sampleShown + 1) % samples.size
        classify(samples.inputs[sampleShown])
        val right = samples.labels?.get(sampleShown)?.let { opened.manifest.classNames.getOrNull(it) }
        say("Sample ${sampleShown + 1} of ${samples.size}" + (right?.let { "; it is: $it" } ?: ""))
    }

    private fun takePicture() {
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(Manifest.permission.CAMERA), TAKE_PICTURE)
        } else {
            ask(Intent(MediaStore.ACTION_IMAGE_CAPTURE), TAKE_PICTURE, R.string.no_camera_app)
        }
    }

    private fun pickPicture() = ask(
        Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*"),
        PICK_PICTURE,
    )

    // What startActivityForResult is deprecated for is AndroidX; this app is written against the framework alone.
    @Suppress("DEPRECATION")
    private fun ask(intent: Intent, request: Int, otherwise: Int = R.string.bad_picture) = try {
        startActivityForResult(intent, request)
    } catch (_: ActivityNotFoundException) {
        say(getString(otherwise))
    } catch (_: SecurityException) {
        say(getString(R.string.no_camera))
    }

    private fun listen() {
        if (checkSelfPermission(Manifest.permission.RECORD_AUDIO) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(Manifest.permission.RECORD_AUDIO), LISTEN)
            return
        }
        val sound = frontEnd as? FrontEnd.Sound ?: return
        say(getString(R.string.listening))
        thread(name = "microphone") {
            val heard = runCatching { sound.of(SoundRecorder(this).record(sound)) }
            runOnUiThread {
                if (isDestroyed) return@runOnUiThread
                say(null)
                guarded { classify(heard.getOrThrow()) }
            }
        }
    }

    private fun recordMotion(wanted: FrontEnd.Motion) {
        val recorder = MotionRecorder(this)
        if (!recorder.isPossible) return say(getString(R.string.no_sensors))
        endRecording()
        say(getString(R.string.moving))
        endRecording = recorder.record(wanted) {
            say(null)
            classify(it)
        }
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<out String>, results: IntArray) {
        val isGranted = results.firstOrNull() == PackageManager.PERMISSION_GRANTED
        when (request) {
            TAKE_PICTURE -> if (isGranted) takePicture() else say(getString(R.string.no_camera))
            LISTEN -> if (isGranted) listen() else say(getString(R.string.no_microphone))
        }
    }

    @Deprecated("AndroidX has another; this app is written against the framework alone")
    override fun onActivityResult(request: Int, code: Int, data: Intent?) {
        if (code != RESULT_OK) return
        val uri = data?.data
        when (request) {
            TAKE_PICTURE -> show(thumbnail(data))
            PICK_PICTURE -> show(uri?.let { Pictures.read(contentResolver, it) })
            PICK_BUNDLE -> guarded {
                bundles.pick(uri ?: throw BundleException.MissingFile(Bundle.MANIFEST))
                open()
            }
        }
    }

    @Suppress("DEPRECATION")
    private fun thumbnail(data: Intent?): Bitmap? = data?.extras?.getParcelable("data")

    private fun show(bitmap: Bitmap?) = guarded {
        val wanted = frontEnd as? FrontEnd.Picture ?: return@guarded
        if (bitmap == null) return@guarded say(getString(R.string.bad_picture))
        picture.setImageBitmap(bitmap)
        picture.visibility = View.VISIBLE
        classify(wanted.of(Pictures.image(bitmap, wanted.channels)))
    }

    private fun say(text: String?) = view<TextView>(R.id.message).run {
        this.text = text
        visibility = if (text == null) View.GONE else View.VISIBLE
    }

    /** Tells what a person can mend; anything else is a bug and ends the app, so that it is seen. */
    private fun guarded(use: () -> Unit) {
        try {
            use()
        } catch (error: Exception) {
            say(readable(error) ?: throw error)
        } catch (error: LinkageError) {
            say(readable(error) ?: throw error)
        } catch (error: OutOfMemoryError) {
            say(readable(error))
        }
    }

    private companion object {
        const val LAST_INPUT = "last_input"
        const val SAMPLE = "sample"
        const val LARGEST_SAVED = 50_000
        const val SHOWN = 3
        const val TAKE_PICTURE = 1
        const val PICK_PICTURE = 2
        const val PICK_BUNDLE = 3
        const val LISTEN = 4
    }
}
