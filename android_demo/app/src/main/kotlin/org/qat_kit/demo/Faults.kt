package org.qat_kit.demo

import android.content.Context
import org.qat_kit.inference.BundleException

/** What to tell the person who holds the phone; null for what is a bug, and must be seen as one. */
fun Context.readable(error: Throwable): String? = when (error) {
    is BundleException -> error.message
    is OutOfMemoryError -> getString(R.string.out_of_memory)
    is UnsatisfiedLinkError -> "This app was built without LiteRT for ${android.os.Build.SUPPORTED_ABIS.first()}. Install the APK of that ABI."
    is java.io.IOException -> "A file cannot be read or written: ${error.message}"
    else -> null
}
