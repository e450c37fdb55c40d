package org.qat_kit.demo

import java.nio.ByteBuffer
import org.qat_kit.inference.DesktopEngine
import org.qat_kit.inference.Engine

/** The app with LiteRT for the desktop in place of the phone's; [fault] stands for what a phone may run out of. */
class TestApplication : DemoApplication() {
    var fault: Throwable? = null

    override val engines = EngineMaker { model: ByteBuffer, choice: EngineChoice ->
        fault?.let { throw it }
        object : Engine by DesktopEngine(model) {
            override val kernelSet = choice.kind.name.lowercase()
            override val numThreads = choice.numThreads
        }
    }

    override val choices = listOf(EngineChoice(EngineChoice.Kind.XNNPACK, 1), EngineChoice(EngineChoice.Kind.XNNPACK, 2))
}
