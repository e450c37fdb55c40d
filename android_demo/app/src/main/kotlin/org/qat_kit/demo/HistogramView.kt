package org.qat_kit.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.view.View
import org.qat_kit.inference.Latency
import org.qat_kit.inference.Statistics

/** How often an inference took how long, up to p99; what took longer is in the last bar. */
class HistogramView(context: Context, latency: Latency) : View(context) {
    private val counts = Statistics.histogram(latency.sortedMs, BINS, latency.percentile(99.0))
    private val bar = Paint().apply { color = context.getColor(R.color.accent) }

    init {
        contentDescription = "Histogram of ${latency.sortedMs.size} times, " +
            "from %.3f to %.3f ms".format(latency.sortedMs.first(), latency.percentile(99.0))
        minimumHeight = (HEIGHT * resources.displayMetrics.density).toInt()
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) =
        setMeasuredDimension(getDefaultSize(suggestedMinimumWidth, widthSpec), minimumHeight)

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val step = width.toFloat() / BINS
        val highest = counts.max().coerceAtLeast(1)
        counts.forEachIndexed { place, count ->
            val top = height * (1f - count.toFloat() / highest)
            canvas.drawRect(place * step + 1, top, (place + 1) * step - 1, height.toFloat(), bar)
        }
    }

    private companion object {
        const val BINS = 32
        const val HEIGHT = 56
    }
}
