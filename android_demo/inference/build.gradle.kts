// Pure JVM: no Android import, so that it can be tested anywhere and used in any app.
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
    `java-test-fixtures`
}

java {
    sourceCompatibility = JavaVersion.VERSION_11
    targetCompatibility = JavaVersion.VERSION_11
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_11
        allWarningsAsErrors = true
    }
}

dependencies {
    testImplementation(libs.junit)
    testFixturesImplementation(libs.junit)
    testFixturesImplementation(libs.jna)
}
