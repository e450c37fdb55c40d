package org.qat_kit.inference

internal fun readManifest(text: String): Manifest {
    val root = JsonObject.parse(text)
    val version = root.long("format_version")
    if (version != Manifest.FORMAT_VERSION.toLong()) {
        throw BundleException.NewerManifest(version, Manifest.FORMAT_VERSION)
    }
    val files = root.children("files").map {
        FileEntry(it.string("name"), it.string("kind"), it.string("sha256"), it.long("size_bytes"))
    }
    if (files.isEmpty()) root.fail("files", "is empty")
    return Manifest(
        name = root.string("name"),
        description = root.stringOr("description", ""),
        scores = root.word("scores", Scores.entries),
        files = files,
        inputs = root.tensors("inputs"),
        outputs = root.tensors("outputs"),
        classNames = root.strings("class_names"),
        scheme = root.string("scheme"),
        preprocessing = preprocessing(root),
        golden = if (root.has("golden")) golden(root.child("golden")) else null,
    )
}

private fun JsonObject.tensors(name: String): List<TensorInfo> {
    val found = children(name).map { tensor(it) }
    if (found.isEmpty()) fail(name, "is empty")
    return found
}

private fun tensor(from: JsonObject): TensorInfo {
    val type = from.elementType()
    val shape = from.ints("shape")
    // The batch is the first dimension; the product is what an app allocates, so it must stay within reason.
    if (shape.isEmpty() || shape.any { it < 1 } || shape.fold(1L) { all, size -> all * size } > MAX_ELEMENTS) {
        from.fail("shape", "$shape must hold sizes of 1 and more")
    }
    val quantization = if (!from.has("scale")) null else {
        val scale = from.double("scale").toFloat()
        if (!scale.isFinite() || scale <= 0f || type == ElementType.FLOAT32) from.fail("scale", "must be positive")
        val zeroPoint = if (from.has("zero_point")) from.long("zero_point") else 0
        if (zeroPoint !in type.minimum..type.maximum) from.fail("zero_point", "$zeroPoint is no ${type.manifestName}")
        Quantization(scale, zeroPoint.toInt(), type)
    }
    return TensorInfo(from.string("name"), shape, type, quantization)
}

private fun preprocessing(root: JsonObject): Preprocessing {
    val stated = if (root.has("calibration")) root.child("calibration") else return Preprocessing()
    if (!stated.has("preprocessing")) return Preprocessing()
    val from = stated.child("preprocessing")
    return Preprocessing(
        kind = from.word("kind", Preprocessing.Kind.entries),
        mean = from.numbers("mean").map { it.toFloat() },
        std = from.numbers("std").map { it.toFloat() },
        crop = from.stringOr("resize", "stretch") == "crop",
        sampleRate = if (from.has("sample_rate")) from.long("sample_rate").toInt() else null,
    ).also {
        if (it.mean.isEmpty() || it.std.isEmpty()) from.fail("mean", "and std must have a value")
        if (it.std.any { value -> !(value > 0f) }) from.fail("std", "must be positive")
    }
}

private fun golden(from: JsonObject) = GoldenVectors(
    inputs = arrays(from.child("inputs")),
    outputs = from.child("outputs").entries().mapValues { (_, outputs) -> arrays(outputs) },
    litert = from.string("litert"),
    architecture = from.string("architecture"),
)

private fun arrays(from: JsonObject): Map<String, EncodedArray> = from.entries().mapValues { (_, array) ->
    val type = array.elementType()
    val shape = array.ints("shape")
    val bytes = Base64.decode(array.string("data")) ?: array.fail("data", "is no base64")
    val expected = shape.fold(type.bytes.toLong()) { all, size -> all * size }
    if (shape.isEmpty() || shape.any { it < 1 } || bytes.size.toLong() != expected) {
        array.fail("data", "holds ${bytes.size} bytes; ${type.manifestName} of shape $shape takes $expected")
    }
    EncodedArray(type, shape, bytes)
}

private fun JsonObject.elementType(): ElementType = string("dtype").let { name ->
    ElementType.named(name) ?: fail("dtype", "“$name” is none of ${ElementType.entries.map { it.manifestName }}")
}

private fun <T : Enum<T>> JsonObject.word(name: String, among: List<T>): T = string(name).let { word ->
    among.firstOrNull { it.name.lowercase() == word } ?: fail(name, "“$word” is none of ${among.map { it.name.lowercase() }}")
}

private const val MAX_ELEMENTS = 1L shl 26
