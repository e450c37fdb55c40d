package org.qat_kit.demo

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.os.SystemClock
import android.view.MotionEvent
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import java.io.File
import org.qat_kit.inference.Cases
import org.robolectric.Shadows.shadowOf

/** What the tests of screens share. */
internal fun Activity.text(id: Int) = view<TextView>(id).text.toString()

internal val Activity.answer get() = view<BarsView>(R.id.result).contentDescription.toString()

internal fun Activity.button(text: Int): Button? = find(view(android.R.id.content)) { it is Button && it.tag == text } as Button?

private fun find(view: View, isWanted: (View) -> Boolean): View? = when {
    isWanted(view) -> view
    view is ViewGroup -> (0 until view.childCount).firstNotNullOfOrNull { find(view.getChildAt(it), isWanted) }
    else -> null
}

internal fun idle() = shadowOf(Looper.getMainLooper()).idle()

/** Lets the main thread work until the condition holds. */
internal fun await(what: String, seconds: Int = 120, isDone: () -> Boolean) {
    val end = System.nanoTime() + seconds * 1_000_000_000L
    while (!isDone()) {
        check(System.nanoTime() < end) { "$what took longer than $seconds s" }
        Thread.sleep(10)
        idle()
    }
}

/** A finger that goes from point to point; shares of the pad's sides. */
internal fun DrawView.drawn(vararg points: Pair<Float, Float>) {
    points.forEachIndexed { place, (x, y) ->
        if (place == 0) touch(MotionEvent.ACTION_DOWN, x, y) else touch(MotionEvent.ACTION_MOVE, x, y)
    }
    touch(MotionEvent.ACTION_UP, points.last().first, points.last().second)
}

private fun DrawView.touch(action: Int, x: Float, y: Float) {
    val now = SystemClock.uptimeMillis()
    dispatchTouchEvent(MotionEvent.obtain(now, now, action, x * width, y * height, 0))
}

/** A copy of the app's bundle in the place of one that was picked, with one file changed. */
internal fun pickedBundle(context: android.content.Context, name: String? = null, change: (ByteArray) -> ByteArray? = { it }) {
    val folder = File(context.filesDir, "bundle").apply { deleteRecursively(); mkdirs() }
    for (file in Cases.bundleFolder.listFiles().orEmpty()) {
        val bytes = if (file.name == name) change(file.readBytes()) else file.readBytes()
        if (bytes != null) File(folder, file.name).writeBytes(bytes)
    }
}

/** The screen as a picture, under the name that the documentation shows. */
internal fun Activity.screenshot(name: String) {
    // What was asked for last is laid out with the next frame.
    idle()
    val whole = view<View>(android.R.id.content).rootView
    val bitmap = Bitmap.createBitmap(whole.width, whole.height, Bitmap.Config.ARGB_8888)
    whole.draw(Canvas(bitmap))
    val folder = File(System.getProperty("out") ?: "build", "screens").apply { mkdirs() }
    File(folder, "$name.png").outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
}
