package org.qat_kit.inference

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipInputStream

/** An array of NumPy: [values] as doubles, in row-major order. */
class NpyArray(val shape: List<Int>, val values: DoubleArray)

/**
 * Reads what `numpy.savez` writes: a zip archive of .npy files of numbers.
 *
 * Source: numpy/lib/format.py, versions 1 to 3 of the format.
 */
object Npz {
    class FormatError(message: String) : Exception(message)

    /** Name → array. Throws [FormatError], or an exception of java.util.zip for a damaged archive. */
    fun read(bytes: ByteArray): Map<String, NpyArray> {
        val found = LinkedHashMap<String, NpyArray>()
        ZipInputStream(ByteArrayInputStream(bytes)).use { archive ->
            generateSequence { archive.nextEntry }.forEach { entry ->
                found[entry.name.removeSuffix(".npy")] = array(entry.name, archive.readBytes())
            }
        }
        if (found.isEmpty()) throw FormatError("it is no archive of arrays")
        return found
    }

    private fun array(name: String, bytes: ByteArray): NpyArray {
        val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
        if (bytes.size < 12 || !bytes.copyOf(MAGIC.size).contentEquals(MAGIC)) throw FormatError("$name is no .npy file")
        val isFirst = bytes[6].toInt() == 1
        buffer.position(8)
        val length = if (isFirst) buffer.getShort().toInt() and 0xFFFF else buffer.getInt()
        if (length < 0 || length > buffer.remaining()) throw FormatError("$name ends within its header")
        val header = String(bytes, buffer.position(), length, Charsets.UTF_8)
        buffer.position(buffer.position() + length)
        if (FORTRAN.find(header)?.groupValues?.get(1) != "False") throw FormatError("$name is in column order")
        val type = DESCRIPTION.find(header)?.groupValues?.get(1) ?: throw FormatError("$name names no type")
        val sizes = SHAPE.find(header)?.groupValues?.get(1) ?: throw FormatError("$name names no shape")
        val shape = sizes.split(',').map { it.trim() }.filter { it.isNotEmpty() }.map {
            it.toIntOrNull() ?: throw FormatError("$name has the shape ($sizes)")
        }
        val count = shape.fold(1L) { all, size -> all * size }
        val reader = READERS[type] ?: throw FormatError("$name holds $type, which is not read here")
        if (count * reader.bytes != buffer.remaining().toLong()) {
            throw FormatError("$name holds ${buffer.remaining()} bytes, its shape takes ${count * reader.bytes}")
        }
        return NpyArray(shape, DoubleArray(count.toInt()) { reader.next(buffer) })
    }

    private class Reader(val bytes: Int, val next: (ByteBuffer) -> Double)

    private val MAGIC = byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray()
    private val DESCRIPTION = Regex("'descr': *'([^']+)'")
    private val FORTRAN = Regex("'fortran_order': *(True|False)")
    private val SHAPE = Regex("'shape': *\\(([^)]*)\\)")
    private val READERS = mapOf(
        "|i1" to Reader(1) { it.get().toDouble() },
        "|u1" to Reader(1) { (it.get().toInt() and 0xFF).toDouble() },
        "|b1" to Reader(1) { it.get().toDouble() },
        "<i2" to Reader(2) { it.getShort().toDouble() },
        "<u2" to Reader(2) { (it.getShort().toInt() and 0xFFFF).toDouble() },
        "<i4" to Reader(4) { it.getInt().toDouble() },
        "<i8" to Reader(8) { it.getLong().toDouble() },
        "<f4" to Reader(4) { it.getFloat().toDouble() },
        "<f8" to Reader(8) { it.getDouble() },
    )
}
