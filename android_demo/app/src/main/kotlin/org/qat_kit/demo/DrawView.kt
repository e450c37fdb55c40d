package org.qat_kit.demo

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.os.Parcel
import android.os.Parcelable
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import kotlin.math.min
import org.qat_kit.inference.Drawing
import org.qat_kit.inference.Point

/** A square to draw in with a finger. What was drawn survives rotation and the end of the process. */
class DrawView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    /** Called when the finger is lifted, and when the pad is cleared. */
    var onDrawn: (Drawing) -> Unit = {}

    private val lines = mutableListOf<MutableList<Point>>()
    private val ink = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = context.getColor(R.color.text)
        style = Paint.Style.STROKE
        strokeCap = Paint.Cap.ROUND
        strokeJoin = Paint.Join.ROUND
    }
    private val hint = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = context.getColor(R.color.text_soft)
        textAlign = Paint.Align.CENTER
        textSize = 16 * resources.displayMetrics.scaledDensity()
    }

    init {
        setBackgroundResource(R.drawable.panel)
        isSaveEnabled = true
        isFocusable = true
    }

    val drawing: Drawing get() = Drawing(lines.map { it.toList() })

    fun clear() {
        lines.clear()
        invalidate()
        onDrawn(drawing)
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val side = min(MeasureSpec.getSize(widthSpec), (MOST_OF_SCREEN * resources.displayMetrics.heightPixels).toInt())
        setMeasuredDimension(side, side)
    }

    // A drawing has no click that a screen reader could perform; the samples of the bundle stand beside it.
    @SuppressLint("ClickableViewAccessibility")
    override fun onTouchEvent(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                parent.requestDisallowInterceptTouchEvent(true)
                lines += mutableListOf(point(event.x, event.y))
            }
            MotionEvent.ACTION_MOVE -> lines.lastOrNull()?.let { line ->
                for (place in 0 until event.historySize) {
                    line += point(event.getHistoricalX(place), event.getHistoricalY(place))
                }
                line += point(event.x, event.y)
            }
            MotionEvent.ACTION_UP -> onDrawn(drawing)
            else -> return super.onTouchEvent(event)
        }
        invalidate()
        return true
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        if (lines.isEmpty()) canvas.drawText(context.getString(R.string.draw_here), width / 2f, height / 2f, hint)
        ink.strokeWidth = width * LINE
        for (line in lines) {
            val path = Path().apply { moveTo(line[0].x * width, line[0].y * height) }
            // A dot is a line of no length, which is drawn only where it is stated.
            (if (line.size == 1) line else line.drop(1)).forEach { path.lineTo(it.x * width, it.y * height) }
            canvas.drawPath(path, ink)
        }
    }

    private fun point(x: Float, y: Float) = Point(x / width, y / height)

    override fun onSaveInstanceState(): Parcelable = State(super.onSaveInstanceState()).apply {
        values = lines.flatMap { line -> listOf(line.size.toFloat()) + line.flatMap { listOf(it.x, it.y) } }.toFloatArray()
    }

    override fun onRestoreInstanceState(state: Parcelable?) {
        super.onRestoreInstanceState((state as? State)?.superState ?: state)
        val values = (state as? State)?.values ?: return
        lines.clear()
        var at = 0
        while (at < values.size) {
            val count = values[at++].toInt()
            lines += MutableList(count) { Point(values[at + 2 * it], values[at + 2 * it + 1]) }
            at += 2 * count
        }
        onDrawn(drawing)
    }

    private class State : BaseSavedState {
        var values = FloatArray(0)

        constructor(superState: Parcelable?) : super(superState)

        constructor(from: Parcel) : super(from) {
            values = from.createFloatArray() ?: FloatArray(0)
        }

        override fun writeToParcel(out: Parcel, flags: Int) {
            super.writeToParcel(out, flags)
            out.writeFloatArray(values)
        }

        companion object {
            @JvmField
            val CREATOR = object : Parcelable.Creator<State> {
                override fun createFromParcel(from: Parcel) = State(from)

                override fun newArray(size: Int) = arrayOfNulls<State>(size)
            }
        }
    }

    private companion object {
        const val LINE = 0.07f
        const val MOST_OF_SCREEN = 0.45f
    }
}
