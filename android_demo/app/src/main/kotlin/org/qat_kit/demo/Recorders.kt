package org.qat_kit.demo

import android.annotation.SuppressLint
import android.content.Context
import android.hardware.Sensor
import android.hardware.SensorEvent
import android.hardware.SensorEventListener
import android.hardware.SensorManager
import android.media.AudioFormat
import android.media.AudioRecord
import android.media.MediaRecorder
import java.io.IOException
import org.qat_kit.inference.FrontEnd

/** One recording of the microphone, as long as the model listens: samples from −1 to 1. Blocks; throws IOException. */
class SoundRecorder(private val context: Context) {
    // The screen asks for the permission before it comes here; a SecurityException would be a bug.
    @SuppressLint("MissingPermission")
    fun record(sound: FrontEnd.Sound): FloatArray {
        val fails = IOException(context.getString(R.string.microphone_fails, sound.sampleRate))
        val format = AudioFormat.ENCODING_PCM_16BIT
        val least = AudioRecord.getMinBufferSize(sound.sampleRate, AudioFormat.CHANNEL_IN_MONO, format)
        if (least <= 0) throw fails
        val size = maxOf(least, Short.SIZE_BYTES * sound.numSamples)
        val recorder = AudioRecord(
            MediaRecorder.AudioSource.VOICE_RECOGNITION, sound.sampleRate, AudioFormat.CHANNEL_IN_MONO, format, size,
        )
        try {
            if (recorder.state != AudioRecord.STATE_INITIALIZED) throw fails
            recorder.startRecording()
            val samples = ShortArray(sound.numSamples)
            var done = 0
            while (done < samples.size) {
                val read = recorder.read(samples, done, samples.size - done)
                if (read <= 0) throw fails
                done += read
            }
            return FloatArray(samples.size) { samples[it] / FULL_SCALE }
        } finally {
            recorder.release()
        }
    }

    private companion object {
        const val FULL_SCALE = 32768f
    }
}

/**
 * One window of the motion sensors, in the order of the kit's `activity` data: acceleration x, y, z in m/s², turning x, y,
 * z in rad/s. The two sensors do not tick together: each reading takes the last turning that was seen.
 */
class MotionRecorder(context: Context) {
    private val sensors: SensorManager = checkNotNull(context.getSystemService(SensorManager::class.java))
    private val accelerometer: Sensor? = sensors.getDefaultSensor(Sensor.TYPE_ACCELEROMETER)
    private val gyroscope: Sensor? = sensors.getDefaultSensor(Sensor.TYPE_GYROSCOPE)

    val isPossible: Boolean get() = accelerometer != null && gyroscope != null

    /** Calls [onDone] on the main thread with [numReadings · numChannels] values; returns what ends the recording. */
    fun record(motion: FrontEnd.Motion, onDone: (FloatArray) -> Unit): () -> Unit {
        val window = FloatArray(motion.numReadings * motion.numChannels)
        val turning = FloatArray(AXES)
        val listener = object : SensorEventListener {
            private var reading = 0

            override fun onSensorChanged(event: SensorEvent) {
                if (event.sensor.type == Sensor.TYPE_GYROSCOPE) {
                    event.values.copyInto(turning, endIndex = AXES)
                } else if (reading < motion.numReadings) {
                    event.values.copyInto(window, reading * motion.numChannels, endIndex = AXES)
                    turning.copyInto(window, reading * motion.numChannels + AXES)
                    if (++reading == motion.numReadings) {
                        sensors.unregisterListener(this)
                        onDone(window)
                    }
                }
            }

            override fun onAccuracyChanged(sensor: Sensor?, accuracy: Int) = Unit
        }
        val intervalUs = 1_000_000 / motion.rateHz
        for (sensor in listOf(gyroscope, accelerometer)) sensors.registerListener(listener, sensor, intervalUs)
        return { sensors.unregisterListener(listener) }
    }

    private companion object {
        const val AXES = 3
    }
}
