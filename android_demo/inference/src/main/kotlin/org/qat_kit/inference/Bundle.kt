package org.qat_kit.inference

import java.io.File
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.security.MessageDigest

/** Where the files of a bundle lie: a folder, an app's assets, what a file picker gave. */
interface BundleSource {
    /** The bytes of a small file, or null where there is none of that name. */
    fun read(name: String): ByteArray?

    /** The model, memory-mapped where that is possible, or null where there is none of that name. */
    fun map(name: String): ByteBuffer?
}

/** The files of `qat-kit bundle RUN --out FOLDER`, as they lie in [folder]. */
class FolderSource(private val folder: File) : BundleSource {
    override fun read(name: String): ByteArray? = File(folder, name).takeIf { it.isFile }?.readBytes()

    override fun map(name: String): ByteBuffer? = File(folder, name).takeIf { it.isFile }?.let { file ->
        FileInputStream(file).use { it.channel.map(FileChannel.MapMode.READ_ONLY, 0, file.length()) }
    }
}

/** A model, all that is known of it, and a few samples to try. Reading it proves that its files belong together. */
class Bundle private constructor(
    val manifest: Manifest,
    val model: ByteBuffer,
    private val source: BundleSource,
) {
    /** The samples of evaluation.npz, read when they are first asked for; null where the bundle has none. */
    val evaluation: Evaluation? by lazy {
        source.read(EVALUATION)?.let { Evaluation.read(it, manifest) }
    }

    /** The float32 form of the same model, to compare with; null where the bundle has none. */
    val floatModel: ByteBuffer? by lazy {
        manifest.floatFile?.let { entry -> source.map(entry.name)?.also { checkModel(entry, it) } }
    }

    companion object {
        const val MANIFEST = "manifest.json"
        const val LABELS = "labels.txt"
        const val EVALUATION = "evaluation.npz"

        /** Throws [BundleException] where a file is missing, damaged, or of another bundle than the rest. */
        fun open(source: BundleSource): Bundle {
            val text = source.read(MANIFEST) ?: throw BundleException.MissingFile(MANIFEST)
            val manifest = Manifest.parse(text.toString(Charsets.UTF_8))
            checkLabels(manifest, source.read(LABELS))
            val model = source.map(manifest.file.name) ?: throw BundleException.MissingFile(manifest.file.name)
            checkModel(manifest.file, model)
            return Bundle(manifest, model, source)
        }
    }
}

private fun checkLabels(manifest: Manifest, labels: ByteArray?) {
    val numNames = manifest.classNames.size
    if (numNames == 0) return
    val answers = manifest.outputs.first().shape.last()
    if (numNames != answers) throw BundleException.WrongLabels(numNames, answers)
    val lines = labels?.toString(Charsets.UTF_8)?.lines()?.filter { it.isNotBlank() } ?: return
    if (lines.size != answers) throw BundleException.WrongLabels(lines.size, answers)
}

private fun checkModel(entry: FileEntry, model: ByteBuffer) {
    if (model.remaining().toLong() != entry.sizeBytes) {
        throw BundleException.CorruptModel(
            entry.name,
            "it has ${model.remaining()} bytes of ${entry.sizeBytes}",
        )
    }
    val digest = MessageDigest.getInstance("SHA-256").apply { update(model.duplicate()) }.digest()
    val found = digest.joinToString("") { "%02x".format(it) }
    if (found != entry.sha256) {
        throw BundleException.CorruptModel(entry.name, "its SHA-256 is ${found.take(12)}…, not ${entry.sha256.take(12)}…")
    }
}
