package sample;

import java.time.Instant;

/** One JSON line on standard output for a start, a stop or an error. */
final class Log {
    private final Instance self;

    Log(Instance self) {
        this.self = self;
    }

    void info(String message, Object... fields) {
        write("info", message, fields);
    }

    void error(String message, Object... fields) {
        write("error", message, fields);
    }

    private void write(String level, String message, Object... fields) {
        Object[] all = new Object[10 + fields.length];
        Object[] head = {"time", Instant.now(), "level", level, "service", self.service(), "instance", self.name(), "message", message};
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(fields, 0, all, head.length, fields.length);
        System.out.println(Json.object(all));
    }
}
