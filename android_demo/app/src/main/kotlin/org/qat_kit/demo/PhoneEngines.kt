package org.qat_kit.demo

import android.content.Context
import java.io.File
import java.nio.ByteBuffer
import org.qat_kit.inference.Engine

/** LiteRT's engines on a phone. */
class PhoneEngines(private val context: Context) : EngineMaker {
    override fun make(model: ByteBuffer, choice: EngineChoice): Engine = when (choice.kind) {
        EngineChoice.Kind.XNNPACK -> TfliteEngine(model, useXnnpack = true, choice.numThreads)
        EngineChoice.Kind.BUILTIN -> TfliteEngine(model, useXnnpack = false, choice.numThreads)
        EngineChoice.Kind.GPU, EngineChoice.Kind.NPU -> {
            val (inputs, outputs) = TfliteEngine(model, useXnnpack = true, numThreads = 1).use { it.inputs to it.outputs }
            CompiledModelEngine(asFile(model), choice.kind, inputs, outputs)
        }
    }

    /** The newer interface opens paths; a model inside the APK has none. */
    private fun asFile(model: ByteBuffer): File {
        val file = File(context.cacheDir, "compiled.tflite")
        file.outputStream().channel.use { it.write(model.duplicate()) }
        return file
    }
}
