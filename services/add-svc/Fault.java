package sample;

import com.sun.net.httpserver.HttpExchange;
import java.util.Locale;

/**
 * A failure asked for by the caller: {@code X-Fault: KIND[;ms=N][;instance=NAME]}.
 *
 * <p>error answers 500, delay waits before the right answer, abort closes the connection without one, exit ends the
 * process. With an instance only that one fails, which is how a retry can be seen to find a good one.
 */
record Fault(Kind kind, int delayMs, String instance) {
    enum Kind { NONE, ERROR, DELAY, ABORT, EXIT }

    private static final int MAX_DELAY_MS = 30_000;

    /** Throws IllegalArgumentException with the sentence for the caller. */
    static Fault read(String header) {
        if (header == null) return new Fault(Kind.NONE, 0, null);
        String[] parts = header.strip().split("\\s*;\\s*");
        if (!parts[0].matches("error|delay|abort|exit")) throw new IllegalArgumentException("X-Fault must be error, delay, abort or exit");
        int delayMs = 0;
        String instance = null;
        for (int i = 1; i < parts.length; i++) {
            if (parts[i].matches("ms=[0-9]{1,5}")) delayMs = Integer.parseInt(parts[i].substring(3));
            else if (parts[i].startsWith("instance=")) instance = parts[i].substring(9);
            else throw new IllegalArgumentException("X-Fault knows ms=N and instance=NAME only");
        }
        if (delayMs > MAX_DELAY_MS) throw new IllegalArgumentException("X-Fault delays by " + MAX_DELAY_MS + " ms at most");
        return new Fault(Kind.valueOf(parts[0].toUpperCase(Locale.ROOT)), delayMs, instance);
    }

    boolean hits(Instance self) {
        return kind != Kind.NONE && (instance == null || instance.equals(self.name()));
    }

    /** The answer to give instead of the right one; null after an abort (connection closed) and after a delay (go on). */
    Reply strike(HttpExchange exchange, Log log) throws InterruptedException {
        switch (kind) {
            case ERROR:
                return Reply.error(500, "the caller asked for this failure");
            case DELAY:
                Thread.sleep(delayMs);
                return null;
            case ABORT:
                exchange.close();
                return null;
            case EXIT:
                log.error("exiting because the caller asked for it");
                System.out.flush();
                // halt, not exit: this is the crash, so nothing drains.
                Runtime.getRuntime().halt(1);
                return null;
            default:
                return null;
        }
    }
}
