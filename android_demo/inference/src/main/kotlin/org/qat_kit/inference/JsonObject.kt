package org.qat_kit.inference

/** An object of manifest.json that knows where it stands, so that an error can say so. */
internal class JsonObject private constructor(private val members: Map<*, *>, private val path: String) {
    fun string(name: String): String = typed(name, "text")

    fun long(name: String): Long = typed(name, "a whole number")

    fun boolean(name: String): Boolean = typed(name, "true or false")

    fun stringOr(name: String, otherwise: String): String = if (members[name] == null) otherwise else string(name)

    fun double(name: String): Double = typed<Number>(name, "a number").toDouble()

    fun has(name: String): Boolean = members[name] != null

    fun child(name: String): JsonObject = of(member(name), at(name))

    fun children(name: String): List<JsonObject> =
        typed<List<*>>(name, "a list").mapIndexed { place, item -> of(item, "${at(name)}.$place") }

    /** Name → object, for members whose names are data. */
    fun entries(): Map<String, JsonObject> = members.entries.associate { (key, value) -> "$key" to of(value, at("$key")) }

    fun strings(name: String): List<String> = list(name, "texts")

    fun numbers(name: String): List<Double> = list<Number>(name, "numbers").map { it.toDouble() }

    fun ints(name: String): List<Int> = list<Long>(name, "whole numbers").map {
        if (it !in Int.MIN_VALUE..Int.MAX_VALUE) fail(name, "$it is too large")
        it.toInt()
    }

    fun fail(name: String, what: String): Nothing = throw BundleException.BrokenManifest(at(name), what)

    private fun member(name: String): Any = members[name] ?: fail(name, "is missing")

    private inline fun <reified T> typed(name: String, what: String): T =
        member(name) as? T ?: fail(name, "must be $what")

    private inline fun <reified T> list(name: String, what: String): List<T> =
        typed<List<*>>(name, "a list").map { it as? T ?: fail(name, "must be a list of $what") }

    private fun at(name: String) = if (path.isEmpty()) name else "$path.$name"

    companion object {
        fun of(value: Any?, path: String = ""): JsonObject = when (value) {
            is Map<*, *> -> JsonObject(value, path)
            else -> throw BundleException.BrokenManifest(path, "must be an object")
        }

        fun parse(text: String): JsonObject = try {
            of(Json.parse(text))
        } catch (error: Json.SyntaxError) {
            throw BundleException.BrokenManifest("", "it is no JSON: ${error.message}")
        }
    }
}
