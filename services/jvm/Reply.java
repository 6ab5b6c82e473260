package sample;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** An answer before it is written. */
record Reply(int status, Map<String, List<String>> headers, byte[] body) {

    static Reply json(int status, Object... keysAndValues) {
        byte[] body = Json.object(keysAndValues).getBytes(StandardCharsets.UTF_8);
        return new Reply(status, Map.of("Content-Type", List.of("application/json")), body);
    }

    static Reply error(int status, String error) {
        return json(status, "error", error);
    }

    static Reply methodNotAllowed(String allowed) {
        Reply reply = error(405, "only " + allowed + " is answered here");
        return new Reply(405, Map.of("Content-Type", List.of("application/json"), "Allow", List.of(allowed)), reply.body);
    }
}
