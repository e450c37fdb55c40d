package org.qat_kit.inference

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** A picture: [values] of pixels, 0 to 255, row by row, with [channels] beside each other. */
class Image(val height: Int, val width: Int, val channels: Int, val values: FloatArray) {
    init {
        require(height > 0 && width > 0 && values.size == height * width * channels) {
            "${values.size} values are no picture of $height × $width × $channels"
        }
    }

    /** The largest rectangle of the shape [height] × [width] in the middle, as the kit's `resize = crop`. */
    fun cropped(height: Int, width: Int): Image {
        val scale = min(this.height / height.toDouble(), this.width / width.toDouble())
        // Like Python, Kotlin rounds a tie to the even number.
        val rows = max(1, round(scale * height).toInt())
        val columns = max(1, round(scale * width).toInt())
        val top = (this.height - rows) / 2
        val left = (this.width - columns) / 2
        return Image(rows, columns, channels, FloatArray(rows * columns * channels) {
            val row = it / (columns * channels) + top
            values[(row * this.width + left) * channels + it % (columns * channels)]
        })
    }

    /**
     * Resized by the triangle filter, widened where the picture shrinks, as `tf.image.resize(…, antialias=True)` does
     * and with the same float32 sums, rows first. Source: tensorflow/core/kernels/image/scale_and_translate_op.cc.
     */
    fun resized(height: Int, width: Int): Image {
        if (height == this.height && width == this.width) return this
        val rowSize = this.width * channels
        val rows = FloatArray(height * rowSize)
        spans(this.height, height).forEachIndexed { row, span ->
            span.weights.forEachIndexed { step, weight ->
                val from = (span.start + step) * rowSize
                for (place in 0 until rowSize) rows[row * rowSize + place] += weight * values[from + place]
            }
        }
        val out = FloatArray(height * width * channels)
        val spans = spans(this.width, width)
        for (row in 0 until height) for (column in 0 until width) for (channel in 0 until channels) {
            val span = spans[column]
            var sum = 0f
            span.weights.forEachIndexed { step, weight ->
                sum += weight * rows[row * rowSize + (span.start + step) * channels + channel]
            }
            out[(row * width + column) * channels + channel] = sum
        }
        return Image(height, width, channels, out)
    }

    /** (value − mean) / std in float32, as the kit computes it. */
    fun normalized(preprocessing: Preprocessing): FloatArray = FloatArray(values.size) {
        val channel = it % channels
        (values[it] - preprocessing.mean.of(channel)) / preprocessing.std.of(channel)
    }

    private class Span(val start: Int, val weights: FloatArray)

    companion object {
        /**
         * Of ARGB pixels, as Android's `Bitmap.getPixels` gives them; grey by the weights that TensorFlow's decoders use
         * (ITU-R BT.601: 0.299, 0.587, 0.114). Transparency counts for nothing.
         */
        fun ofPixels(pixels: IntArray, height: Int, width: Int, channels: Int): Image {
            require(channels == 1 || channels == 3) { "a picture has 1 or 3 channels, not $channels" }
            return Image(height, width, channels, FloatArray(pixels.size * channels) {
                val pixel = pixels[it / channels]
                val (red, green, blue) = Triple(pixel shr 16 and 0xFF, pixel shr 8 and 0xFF, pixel and 0xFF)
                when {
                    channels == 1 -> round(0.299f * red + 0.587f * green + 0.114f * blue)
                    it % 3 == 0 -> red.toFloat()
                    it % 3 == 1 -> green.toFloat()
                    else -> blue.toFloat()
                }
            })
        }

        private fun List<Float>.of(channel: Int) = if (size == 1) first() else this[channel]

        /** Which of [from] pixels make each of [to], and how much of each. */
        private fun spans(from: Int, to: Int): List<Span> {
            val step = 1f / (to.toFloat() / from.toFloat())
            val widening = max(step, 1f)
            val narrowing = 1f / widening
            return List(to) { place ->
                val middle = (place + 0.5f) * step
                val start = ceil(middle - widening - 0.5f).toInt().coerceIn(0, from - 1)
                val end = floor(middle + widening - 0.5f).toInt().coerceIn(0, from - 1)
                val weights = FloatArray(end - start + 1) { offset ->
                    max(0f, 1f - abs((start + offset + 0.5f - middle) * narrowing))
                }
                val factor = 1f / weights.fold(0f, Float::plus)
                for (offset in weights.indices) weights[offset] *= factor
                Span(start, weights)
            }
        }
    }
}
