package org.qat_kit.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.util.DisplayMetrics
import android.util.TypedValue
import android.view.View
import org.qat_kit.inference.Outcome

/** The size of a text that follows what the person set. */
internal fun DisplayMetrics.scaledDensity() = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, 1f, this)

/** Answers with bars, and the time that they took; a screen reader hears them as one sentence. */
class BarsView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val unit = resources.displayMetrics.scaledDensity()
    private val text = paint(R.color.text, 16f)
    private val soft = paint(R.color.text_soft, 14f)
    private val bar = paint(R.color.accent, 0f)
    private var outcome: Outcome? = null
    private var hasShares = true

    init {
        contentDescription = context.getString(R.string.result_nothing)
    }

    /** [hasShares]: whether scores are shares of one, to be shown in percent. */
    fun show(outcome: Outcome?, hasShares: Boolean = true) {
        this.outcome = outcome
        this.hasShares = hasShares
        contentDescription = outcome?.let { shown ->
            shown.answers.joinToString { "${it.label}: ${score(it.score)}" } + ". " + milliseconds(shown)
        } ?: context.getString(R.string.result_nothing)
        requestLayout()
        invalidate()
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val rows = (outcome?.answers?.size ?: 0) + 1
        val height = paddingTop + paddingBottom + (rows * ROW * unit).toInt()
        setMeasuredDimension(getDefaultSize(suggestedMinimumWidth, widthSpec), resolveSize(height, heightSpec))
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val shown = outcome
        val left = paddingLeft.toFloat()
        var baseline = paddingTop + 18 * unit
        if (shown == null) {
            canvas.drawText(context.getString(R.string.result_nothing), left, baseline, soft)
            return
        }
        val whole = width - left - paddingRight
        for (answer in shown.answers) {
            canvas.drawText(answer.label, left, baseline, text)
            val score = score(answer.score)
            canvas.drawText(score, left + whole - text.measureText(score), baseline, text)
            val length = if (hasShares) whole * answer.score.coerceIn(0f, 1f) else 0f
            val top = baseline + 7 * unit
            canvas.drawRoundRect(left, top, left + length.coerceAtLeast(4 * unit), top + 6 * unit, 3 * unit, 3 * unit, bar)
            baseline += ROW * unit
        }
        canvas.drawText(milliseconds(shown), left, baseline, soft)
    }

    private fun score(score: Float) = if (hasShares) "%.1f %%".format(100 * score) else "%.4g".format(score)

    private fun milliseconds(shown: Outcome) = "%.3f ms".format(shown.latencyMs)

    private fun paint(color: Int, size: Float) = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        this.color = context.getColor(color)
        textSize = size * unit
    }

    private companion object {
        const val ROW = 40f
    }
}
