package sample;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** One running process of a service, and its place. */
record Instance(String service, String name, String platform, String host, String address) {

    /** INSTANCE_NAME (default: the host name), PLATFORM (pod or vm), HOST_NAME, HOST_ADDRESS; a missing variable is "unknown". */
    static Instance fromEnv(String service, Map<String, String> env) {
        return new Instance(
                service,
                plain(Settings.text(env, "INSTANCE_NAME", kernelHostName())),
                plain(env.get("PLATFORM")),
                plain(env.get("HOST_NAME")),
                plain(env.get("HOST_ADDRESS")));
    }

    /** The value of the X-Served-By header: five fields, none of which can hold a separator. */
    String servedBy() {
        return String.join(";", service, name, platform, host, address);
    }

    private static String plain(String text) {
        return text == null || text.isEmpty() ? "unknown" : text.replaceAll("[^A-Za-z0-9._:-]", "-");
    }

    private static String kernelHostName() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException unreadable) {
            return "";
        }
    }
}
