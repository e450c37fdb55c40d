package org.qat_kit.inference

/** What a bundle's model is, takes and gives: the part of the kit's manifest.json that an app needs. */
data class Manifest(
    val name: String,
    val description: String,
    val scores: Scores,
    val files: List<FileEntry>,
    val inputs: List<TensorInfo>,
    val outputs: List<TensorInfo>,
    val classNames: List<String>,
    val scheme: String,
    val preprocessing: Preprocessing,
    val golden: GoldenVectors?,
) {
    /** The model that the manifest is of. */
    val file: FileEntry get() = files.first()

    /** The same model in float, to compare with; null where the bundle says nothing of one. */
    val floatFile: FileEntry? get() = files.drop(1).firstOrNull { it.kind == "float32" }

    companion object {
        /** The `format_version` that this code reads. */
        const val FORMAT_VERSION = 2

        /** Throws [BundleException.BrokenManifest] or [BundleException.NewerManifest]. */
        fun parse(text: String): Manifest = readManifest(text)
    }
}

/** What the first output holds. */
enum class Scores { LOGITS, PROBABILITIES, VALUES }

/** The model's file: [kind] is `int8` for a file that is proven fully int8. */
data class FileEntry(val name: String, val kind: String, val sha256: String, val sizeBytes: Long)

/** How samples became the model's input: `input = (value − mean) / std`; one number, or one a channel. */
data class Preprocessing(
    val kind: Kind = Kind.ARRAYS,
    val mean: List<Float> = listOf(0f),
    val std: List<Float> = listOf(1f),
    val crop: Boolean = false,
    val sampleRate: Int? = null,
) {
    enum class Kind { ARRAYS, IMAGE, AUDIO }
}

/** A few inputs, and what each of LiteRT's kernel sets answered on the machine that made the file. */
data class GoldenVectors(
    val inputs: Map<String, EncodedArray>,
    val outputs: Map<String, Map<String, EncodedArray>>,
    val litert: String,
    val architecture: String,
) {
    val numSamples: Int get() = inputs.values.firstOrNull()?.shape?.firstOrNull() ?: 0
}

/** An array inside JSON: little-endian elements in row-major order. */
class EncodedArray(val type: ElementType, val shape: List<Int>, val bytes: ByteArray) {
    /** The bytes of the sample with this number; shape has the samples in front. */
    fun sample(number: Int): ByteArray {
        val size = bytes.size / shape.first()
        return bytes.copyOfRange(number * size, (number + 1) * size)
    }
}
