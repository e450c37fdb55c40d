package org.qat_kit.demo

import android.content.Context
import android.content.res.AssetManager
import android.net.Uri
import android.provider.DocumentsContract
import java.io.File
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import org.qat_kit.inference.BundleException
import org.qat_kit.inference.BundleSource
import org.qat_kit.inference.FolderSource

/** A bundle inside the APK. The model is stored there uncompressed, so it can be mapped in its place. */
class AssetSource(private val assets: AssetManager, private val folder: String) : BundleSource {
    override fun read(name: String): ByteArray? = try {
        assets.open("$folder/$name").use { it.readBytes() }
    } catch (_: FileNotFoundException) {
        null
    }

    override fun map(name: String): ByteBuffer? = try {
        assets.openFd("$folder/$name").use { file ->
            FileInputStream(file.fileDescriptor).use {
                it.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
            }
        }
    } catch (_: FileNotFoundException) {
        // Compressed, or not there: what can be read is copied.
        read(name)?.let { ByteBuffer.wrap(it).asDirect() }
    }
}

/** Where the app finds its bundles: its own, one that was picked from storage, or a folder that adb names. */
class Bundles(private val context: Context) {
    private val picked = File(context.filesDir, "bundle")

    /** The one that was picked last, or the app's own. */
    fun current(): BundleSource = if (File(picked, MANIFEST).exists()) FolderSource(picked) else own()

    fun own(): BundleSource = AssetSource(context.assets, "bundle")

    /** [name]: a path, or `assets` for the app's own, or null for the current one. */
    fun named(name: String?): BundleSource = when (name) {
        null -> current()
        "assets" -> own()
        else -> FolderSource(File(name))
    }

    fun forgetPicked() {
        picked.deleteRecursively()
    }

    /** Copies the files of a folder that the person picked. Throws [BundleException.MissingFile] where it cannot be read. */
    fun pick(tree: Uri) {
        val fresh = File(context.cacheDir, "picked").apply { deleteRecursively(); mkdirs() }
        val root = DocumentsContract.getTreeDocumentId(tree)
        val children = DocumentsContract.buildChildDocumentsUriUsingTree(tree, root)
        val columns = arrayOf(DocumentsContract.Document.COLUMN_DOCUMENT_ID, DocumentsContract.Document.COLUMN_DISPLAY_NAME)
        try {
            context.contentResolver.query(children, columns, null, null, null)?.use { rows ->
                while (rows.moveToNext()) {
                    val name = File(rows.getString(1)).name
                    if (KNOWN.none { name.endsWith(it) }) continue
                    val document = DocumentsContract.buildDocumentUriUsingTree(tree, rows.getString(0))
                    context.contentResolver.openInputStream(document)?.use { from ->
                        File(fresh, name).outputStream().use { from.copyTo(it) }
                    }
                }
            }
        } catch (error: IOException) {
            throw BundleException.MissingFile(MANIFEST, error)
        } catch (error: SecurityException) {
            throw BundleException.MissingFile(MANIFEST, error)
        }
        if (!File(fresh, MANIFEST).exists()) throw BundleException.MissingFile(MANIFEST)
        forgetPicked()
        if (!fresh.renameTo(picked)) throw BundleException.MissingFile(MANIFEST)
    }

    private companion object {
        const val MANIFEST = "manifest.json"
        val KNOWN = listOf(".tflite", ".json", ".txt", ".npz")
    }
}
