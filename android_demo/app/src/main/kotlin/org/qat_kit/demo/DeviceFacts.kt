package org.qat_kit.demo

import android.app.ActivityManager
import android.content.Context
import android.os.BatteryManager
import android.os.Build
import android.os.Debug
import android.os.PowerManager

/** What a measurement depends on besides the model; no names of persons, no numbers of devices. */
class DeviceFacts(private val context: Context) {
    private val power = context.getSystemService(PowerManager::class.java)
    private val battery = context.getSystemService(BatteryManager::class.java)

    fun all(): Map<String, String> = buildMap {
        put("architecture", System.getProperty("os.arch").orEmpty())
        put("abi", Build.SUPPORTED_ABIS.firstOrNull().orEmpty())
        put("cores", "${Runtime.getRuntime().availableProcessors()}")
        put("system", "Android ${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT})")
        put("device", "${Build.MANUFACTURER} ${Build.MODEL}")
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) put("processor", "${Build.SOC_MANUFACTURER} ${Build.SOC_MODEL}")
        put("memory_total_kib", "${memory().totalMem / 1024}")
        put("power_save", "${power?.isPowerSaveMode == true}")
        put("charging", "${battery?.isCharging == true}")
    }

    /** What changes while a device works: once before, once behind. */
    fun changing(whenTaken: String): Map<String, String> = buildMap {
        battery?.let { put("battery_percent_$whenTaken", "${it.getIntProperty(BatteryManager.BATTERY_PROPERTY_CAPACITY)}") }
        battery?.let { put("battery_charge_uah_$whenTaken", "${it.getIntProperty(BatteryManager.BATTERY_PROPERTY_CHARGE_COUNTER)}") }
        put("thermal_status_$whenTaken", thermal())
        put("memory_free_kib_$whenTaken", "${memory().availMem / 1024}")
        put("memory_of_process_kib_$whenTaken", "${Debug.getPss()}")
    }

    private fun memory() = ActivityManager.MemoryInfo().also {
        context.getSystemService(ActivityManager::class.java)?.getMemoryInfo(it)
    }

    private fun thermal(): String = if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) "unknown" else when (power?.currentThermalStatus) {
        PowerManager.THERMAL_STATUS_NONE -> "none"
        PowerManager.THERMAL_STATUS_LIGHT -> "light"
        PowerManager.THERMAL_STATUS_MODERATE -> "moderate"
        PowerManager.THERMAL_STATUS_SEVERE -> "severe"
        null -> "unknown"
        else -> "critical"
    }
}
