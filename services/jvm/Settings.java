package sample;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;

/**
 * Where to listen and how long to drain.
 *
 * <p>PORT or --port (default 8080; 0 picks a free one), BIND_ADDRESS (default 0.0.0.0), PORT_FILE (default none: the
 * chosen port is written there), DRAIN_SECONDS (default 3).
 */
record Settings(int port, String bindAddress, Path portFile, Duration drain) {

    /** Throws IllegalArgumentException with a sentence for the operator when a value cannot be used. */
    static Settings read(Map<String, String> env, String... args) {
        String port = text(env, "PORT", "8080");
        if (args.length == 2 && args[0].equals("--port")) port = args[1];
        else if (args.length > 0) throw new IllegalArgumentException("usage: [--port N]");
        String portFile = text(env, "PORT_FILE", null);
        return new Settings(
                portNumber(port),
                text(env, "BIND_ADDRESS", "0.0.0.0"),
                portFile == null ? null : Path.of(portFile),
                Duration.ofMillis(millis("DRAIN_SECONDS", text(env, "DRAIN_SECONDS", "3"))));
    }

    /** An empty variable counts as missing. */
    static String text(Map<String, String> env, String name, String otherwise) {
        String value = env.get(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    /** A duration in milliseconds from an environment variable that holds whole milliseconds. */
    static Duration milliseconds(Map<String, String> env, String name, int defaultMs) {
        String text = text(env, name, Integer.toString(defaultMs));
        if (!text.matches("[1-9][0-9]{0,6}")) throw new IllegalArgumentException(name + " must be milliseconds above 0, is '" + text + "'");
        return Duration.ofMillis(Integer.parseInt(text));
    }

    /** Readers see the old file or the whole new one, never half of it. */
    void announce(int chosenPort) throws IOException {
        if (portFile == null) return;
        Path draft = portFile.resolveSibling(portFile.getFileName() + ".new");
        Files.writeString(draft, chosenPort + "\n");
        Files.move(draft, portFile, StandardCopyOption.ATOMIC_MOVE);
    }

    private static int portNumber(String text) {
        if (!text.matches("[0-9]{1,5}") || Integer.parseInt(text) > 65535) {
            throw new IllegalArgumentException("the port must be 0 to 65535, is '" + text + "'");
        }
        return Integer.parseInt(text);
    }

    private static long millis(String name, String text) {
        if (!text.matches("[0-9]{1,4}(\\.[0-9]{1,3})?")) throw new IllegalArgumentException(name + " must be seconds, is '" + text + "'");
        return Math.round(Double.parseDouble(text) * 1000);
    }
}
