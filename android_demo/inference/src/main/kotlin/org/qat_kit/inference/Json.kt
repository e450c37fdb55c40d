package org.qat_kit.inference

/**
 * Reads and writes JSON, in a hundred lines instead of a dependency: an app that takes only this module takes nothing else.
 *
 * Objects become `Map<String, Any?>` in their order, arrays `List<Any?>`, whole numbers `Long`, other numbers `Double`.
 * `NaN`, `Infinity` and `-Infinity` are read, since Python writes them.
 */
object Json {
    class SyntaxError(message: String) : Exception(message)

    /** Deeper nesting than this is an attack on the stack, not a manifest. */
    private const val MAX_DEPTH = 64

    fun parse(text: String): Any? {
        val parser = Parser(text)
        val value = parser.value(depth = 0)
        parser.end()
        return value
    }

    /** Maps, lists, strings, numbers, booleans and null; infinities and NaN as Python writes them. */
    fun write(value: Any?): String = buildString { append(value, indent = 0) }.plus("\n")

    private fun StringBuilder.append(value: Any?, indent: Int) {
        when (value) {
            is Map<*, *> -> list("{", "}", value.entries, indent) { (key, item) ->
                quoted(key.toString())
                append(": ")
                append(item, indent + 1)
            }
            is Iterable<*> -> list("[", "]", value.toList(), indent) { append(it, indent + 1) }
            is String -> quoted(value)
            is Double, is Float, is Int, is Long, is Boolean, null -> append(value.toString())
            else -> throw IllegalArgumentException("no JSON for a ${value::class.simpleName}")
        }
    }

    private fun <T> StringBuilder.list(open: String, close: String, items: Collection<T>, indent: Int, one: (T) -> Unit) {
        append(open)
        items.forEachIndexed { place, item ->
            append(if (place == 0) "\n" else ",\n").append("  ".repeat(indent + 1))
            one(item)
        }
        if (items.isNotEmpty()) append("\n").append("  ".repeat(indent))
        append(close)
    }

    private fun StringBuilder.quoted(text: String) {
        append('"')
        for (character in text) {
            when {
                character == '"' || character == '\\' -> append('\\').append(character)
                character == '\n' -> append("\\n")
                character < ' ' -> append("\\u%04x".format(character.code))
                else -> append(character)
            }
        }
        append('"')
    }

    private class Parser(private val text: String) {
        private var at = 0

        fun value(depth: Int): Any? {
            if (depth > MAX_DEPTH) fail("more than $MAX_DEPTH levels")
            skipSpace()
            return when (peek()) {
                '{' -> members(depth)
                '[' -> elements(depth)
                '"' -> string()
                else -> word()
            }
        }

        fun end() {
            skipSpace()
            if (at != text.length) fail("something follows the end")
        }

        private fun members(depth: Int): Map<String, Any?> {
            val found = LinkedHashMap<String, Any?>()
            sequence('}') {
                skipSpace()
                if (peek() != '"') fail("a name in quotes was expected")
                val name = string()
                skipSpace()
                take(':')
                found[name] = value(depth + 1)
            }
            return found
        }

        private fun elements(depth: Int): List<Any?> {
            val found = ArrayList<Any?>()
            sequence(']') { found += value(depth + 1) }
            return found
        }

        private fun sequence(close: Char, one: () -> Unit) {
            at++
            skipSpace()
            if (peek() == close) {
                at++
                return
            }
            while (true) {
                one()
                skipSpace()
                if (peek() == close) {
                    at++
                    return
                }
                take(',')
            }
        }

        private fun string(): String {
            at++
            val found = StringBuilder()
            while (true) {
                when (val character = next()) {
                    '"' -> return found.toString()
                    '\\' -> found.append(escape())
                    else -> if (character < ' ') fail("a control character in a string") else found.append(character)
                }
            }
        }

        private fun escape(): Char = when (val character = next()) {
            '"', '\\', '/' -> character
            'b' -> '\b'
            'f' -> '\u000C'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> {
                if (at + 4 > text.length) fail("it ends in the middle of a string")
                val code = text.substring(at, at + 4).toIntOrNull(16) ?: fail("\\u takes four hexadecimal digits")
                at += 4
                code.toChar()
            }
            else -> fail("unknown escape \\$character")
        }

        private fun word(): Any? {
            val start = at
            while (at < text.length && (text[at].isLetterOrDigit() || text[at] in "+-.")) at++
            return when (val word = text.substring(start, at)) {
                "true" -> true
                "false" -> false
                "null" -> null
                "NaN" -> Double.NaN
                "Infinity" -> Double.POSITIVE_INFINITY
                "-Infinity" -> Double.NEGATIVE_INFINITY
                else -> {
                    if (!NUMBER.matches(word)) fail(if (word.isEmpty()) "a value was expected" else "“$word” is no value")
                    word.toLongOrNull() ?: word.toDouble()
                }
            }
        }

        private fun skipSpace() {
            while (at < text.length && text[at] in " \t\r\n") at++
        }

        private fun peek(): Char = if (at < text.length) text[at] else fail("it ends too early")

        private fun next(): Char = peek().also { at++ }

        private fun take(expected: Char) {
            if (peek() != expected) fail("“$expected” was expected")
            at++
        }

        private fun fail(what: String): Nothing = throw SyntaxError("$what (at character ${at + 1} of ${text.length})")
    }

    private val NUMBER = Regex("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?")
}
