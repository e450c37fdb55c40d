package org.qat_kit.inference

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test

class JsonTest {
    @Test
    fun `what is written is read again`() {
        val value = mapOf(
            "text" to "a \"quoted\" \\ line\nand \u0001 “é”",
            "numbers" to listOf(1L, -2L, 0.5, 1e-9, Double.NaN, Double.NEGATIVE_INFINITY),
            "nothing" to null,
            "yes" to true,
            "empty" to listOf(emptyMap<String, Any>(), emptyList<Any>()),
        )
        assertEquals(value, Json.parse(Json.write(value)))
    }

    @Test
    fun `escapes of every kind are read`() {
        assertEquals("\" \\ / \b \u000C \n \r \t é", Json.parse("\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9\""))
    }

    @Test
    fun `what is no JSON is refused with its place`() {
        val deep = "[".repeat(100_000)
        val wrong = listOf("", "{", "[1,]", "{\"a\" 1}", "{\"a\": 1} x", "tru", "01", "\"\\x\"", "\"\\u12\"", "\"a", "--1", "1.", deep)
        for (text in wrong) {
            val error = assertThrows(text.take(20), Json.SyntaxError::class.java) { Json.parse(text) }
            check("character" in error.message.orEmpty())
        }
    }

    @Test
    fun `base64 is Java's`() {
        for (size in 0..50) {
            val bytes = ByteArray(size) { (it * 37 + size).toByte() }
            assertArrayEquals(bytes, Base64.decode(java.util.Base64.getEncoder().encodeToString(bytes)))
        }
        for (wrong in listOf("A", "A===", "AB=C", "A b=", "ÄÖÜß", "====")) assertNull(wrong, Base64.decode(wrong))
    }
}
