package org.qat_kit.inference

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test

class ImageTest {
    @Test
    fun `resizing and cropping are TensorFlow's, to the bit`() {
        val cases = Cases.arrays("resize.npz")
        for (place in 0 until 4) {
            val from = cases.getValue("${place}_from")
            val (rows, columns, channels) = from.shape
            val image = Image(rows, columns, channels, from.values.floats())
            val target = cases.getValue("${place}_stretch").shape
            val stretched = image.resized(target[0], target[1])
            assertArrayEquals("stretch $place", cases.getValue("${place}_stretch").values.floats(), stretched.values, 0f)
            val cropped = image.cropped(target[0], target[1]).resized(target[0], target[1])
            assertArrayEquals("crop $place", cases.getValue("${place}_crop").values.floats(), cropped.values, 0f)
        }
    }

    @Test
    fun `mean and std are one number, or one a channel`() {
        val image = Image(1, 2, 3, floatArrayOf(10f, 20f, 30f, 40f, 50f, 60f))
        val one = Preprocessing(mean = listOf(10f), std = listOf(2f))
        assertArrayEquals(floatArrayOf(0f, 5f, 10f, 15f, 20f, 25f), image.normalized(one), 0f)
        val each = Preprocessing(mean = listOf(10f, 20f, 30f), std = listOf(1f, 2f, 5f))
        assertArrayEquals(floatArrayOf(0f, 0f, 0f, 30f, 15f, 6f), image.normalized(each), 0f)
    }

    @Test
    fun `a drawing is centred by its mass and fills its share`() {
        val corner = Drawing(listOf(listOf(Point(0.02f, 0.02f), Point(0.12f, 0.22f))))
        val picture = corner.picture(28, 28)
        val mass = picture.values.sum()
        fun middle(of: (Int) -> Int) = picture.values.indices.sumOf { (picture.values[it] * (of(it) + 0.5)) } / mass
        assertEquals(14.0, middle { it / 28 }, 0.3)
        assertEquals(14.0, middle { it % 28 }, 0.3)
        val rows = (0 until 28).filter { row -> (0 until 28).any { picture.values[row * 28 + it] > 128 } }
        assertEquals(22.0, rows.size.toDouble(), 2.0)
    }

    @Test
    fun `counts are those of four by four points`() {
        val everything = List(60) { listOf(Point(0f, it / 59f), Point(1f, it / 59f)) }
        val counts = Drawing(everything).counts(8, 8)
        assertEquals(16f, counts[8 * 4 + 4], 0f)
        assertArrayEquals(FloatArray(64), Drawing(emptyList()).counts(8, 8), 0f)
        assertArrayEquals(FloatArray(64), Drawing(emptyList()).picture(8, 8).values, 0f)
    }
}
