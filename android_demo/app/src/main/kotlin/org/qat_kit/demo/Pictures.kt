package org.qat_kit.demo

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.net.Uri
import java.io.IOException
import org.qat_kit.inference.Image

/** Pictures of any size, read no larger than they are needed. */
object Pictures {
    /** A side of this many pixels is enough for any model of a phone, and small enough for its memory. */
    private const val LARGEST_SIDE = 1024

    /** The picture behind [uri], or null where it cannot be read. */
    fun read(resolver: ContentResolver, uri: Uri): Bitmap? = try {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        resolver.openInputStream(uri)?.use { BitmapFactory.decodeStream(it, null, bounds) }
        val options = BitmapFactory.Options().apply {
            inSampleSize = Integer.highestOneBit(maxOf(1, maxOf(bounds.outWidth, bounds.outHeight) / LARGEST_SIDE))
        }
        resolver.openInputStream(uri)?.use { BitmapFactory.decodeStream(it, null, options) }
    } catch (_: IOException) {
        null
    } catch (_: SecurityException) {
        null
    }

    fun image(bitmap: Bitmap, channels: Int): Image {
        val pixels = IntArray(bitmap.width * bitmap.height)
        bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
        return Image.ofPixels(pixels, bitmap.height, bitmap.width, channels)
    }
}
