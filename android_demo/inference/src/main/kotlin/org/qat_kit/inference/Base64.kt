package org.qat_kit.inference

/** `java.util.Base64` is there from Android 8 (API 26) on; minSdk is 24. */
internal object Base64 {
    private const val ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    private val VALUES = IntArray(128) { ALPHABET.indexOf(it.toChar()) }

    /** The bytes, or null where the text is no base64. */
    fun decode(text: String): ByteArray? {
        if (text.length % 4 != 0) return null
        val padding = text.takeLast(2).count { it == '=' }
        val out = ByteArray(text.length / 4 * 3 - padding)
        var bits = 0
        var written = 0
        for ((place, character) in text.withIndex()) {
            val isPadding = character == '=' && place >= text.length - padding
            val value = if (isPadding) 0 else VALUES.getOrElse(character.code) { -1 }
            if (value < 0) return null
            bits = bits shl 6 or value
            if (place % 4 == 3) {
                for (shift in intArrayOf(16, 8, 0)) if (written < out.size) out[written++] = (bits shr shift).toByte()
                bits = 0
            }
        }
        return out
    }
}
