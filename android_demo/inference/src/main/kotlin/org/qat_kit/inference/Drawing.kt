package org.qat_kit.inference

import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.min

/** A point of a drawing; the drawing's square is 0 to 1 in both directions, y downwards. */
data class Point(val x: Float, val y: Float)

/** Lines that a finger drew, each from touching down to lifting off. */
class Drawing(val lines: List<List<Point>>) {
    val isEmpty: Boolean get() = lines.all { it.isEmpty() }

    /**
     * White strokes on black, [height] × [width], 0 to 255, laid out as MNIST's digits are: the longer side of the drawing
     * fills [filled] of the picture, and its centre of mass lies in the middle.
     *
     * Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database (1998): 20×20 of 28×28 pixels, by centre of mass.
     */
    fun picture(height: Int, width: Int, filled: Float = 20f / 28f): Image {
        if (isEmpty) return Image(height, width, 1, FloatArray(height * width))
        val centred = fitted(filled)
        val rough = centred.strokes(height, width, STROKE)
        val mass = rough.values.sum()
        if (mass == 0f) return rough
        var row = 0f
        var column = 0f
        rough.values.forEachIndexed { place, value ->
            row += value * (place / width + 0.5f)
            column += value * (place % width + 0.5f)
        }
        val moved = centred.moved(0.5f - column / mass / width, 0.5f - row / mass / height)
        return moved.strokes(height, width, STROKE)
    }

    /**
     * How many of the 4×4 points under each of [height] × [width] fields are set, 0 to 16: what the pixels of scikit-learn's
     * digits are. The drawing fills the square, as the scans of that set do.
     */
    fun counts(height: Int, width: Int): FloatArray {
        if (isEmpty) return FloatArray(height * width)
        val fine = fitted(SCAN_FILLED).strokes(SCAN * height, SCAN * width, SCAN_STROKE)
        return FloatArray(height * width) { field ->
            var count = 0
            for (row in 0 until SCAN) for (column in 0 until SCAN) {
                val place = (field / width * SCAN + row) * width * SCAN + field % width * SCAN + column
                if (fine.values[place] >= 128f) count++
            }
            count.toFloat()
        }
    }

    /** Scaled so that the longer side takes [filled] of the square, the box in the middle. */
    private fun fitted(filled: Float): Drawing {
        val points = lines.flatten()
        val (left, right) = points.minOf { it.x } to points.maxOf { it.x }
        val (top, bottom) = points.minOf { it.y } to points.maxOf { it.y }
        // A dot has no side; it stays a dot.
        val scale = filled / max(max(right - left, bottom - top), 0.05f)
        return mapped {
            Point(0.5f + (it.x - (left + right) / 2) * scale, 0.5f + (it.y - (top + bottom) / 2) * scale)
        }
    }

    private fun moved(right: Float, down: Float) = mapped { Point(it.x + right, it.y + down) }

    private fun mapped(change: (Point) -> Point) = Drawing(lines.map { it.map(change) })

    /** Each pixel by its distance to the nearest line, in two steps of grey at the edge. */
    private fun strokes(height: Int, width: Int, thickness: Float): Image {
        val unit = max(height, width)
        val values = FloatArray(height * width) { place ->
            val at = Point((place % width + 0.5f) / width, (place / width + 0.5f) / height)
            val distance = lines.minOf { line -> distance(at, line) }
            255f * (0.5f + (thickness / 2 - distance) * unit).coerceIn(0f, 1f)
        }
        return Image(height, width, 1, values)
    }

    private fun distance(at: Point, line: List<Point>): Float = when (line.size) {
        0 -> Float.POSITIVE_INFINITY
        1 -> hypot(at.x - line[0].x, at.y - line[0].y)
        else -> (1 until line.size).minOf { distance(at, line[it - 1], line[it]) }
    }

    private fun distance(at: Point, from: Point, to: Point): Float {
        val (x, y) = to.x - from.x to to.y - from.y
        val length = x * x + y * y
        val share = if (length == 0f) 0f else ((at.x - from.x) * x + (at.y - from.y) * y) / length
        val nearest = min(1f, max(0f, share))
        return hypot(at.x - from.x - nearest * x, at.y - from.y - nearest * y)
    }

    private companion object {
        /** Thickness of a line, as a share of the square: MNIST's are some three pixels of 28. */
        const val STROKE = 0.1f
        const val SCAN = 4
        const val SCAN_STROKE = 0.12f
        const val SCAN_FILLED = 0.86f
    }
}
