package org.qat_kit.demo

import android.app.Application
import java.nio.ByteBuffer
import org.qat_kit.inference.Engine

/** What makes an engine of a model: the one thing that differs between a phone and the machine that tests this app. */
fun interface EngineMaker {
    fun make(model: ByteBuffer, choice: EngineChoice): Engine
}

/** The app; a test puts LiteRT for the desktop in place of the phone's. */
open class DemoApplication : Application() {
    open val engines: EngineMaker = PhoneEngines(this)

    /** What there is to choose from on this device. */
    open val choices: List<EngineChoice> = EngineChoice.onThisDevice()
}
