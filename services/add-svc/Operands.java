package sample;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The two numbers of a call. Both lie in the range in which JSON readers of any language agree on whole numbers. */
record Operands(long l, long r) {
    static final long LIMIT = (1L << 53) - 1;
    static final String RANGE = "-" + LIMIT + " to " + LIMIT;

    /** Throws IllegalArgumentException with the sentence for the caller. */
    static Operands read(String rawQuery) {
        return new Operands(one("l", rawQuery), one("r", rawQuery));
    }

    static boolean representable(long value) {
        return -LIMIT <= value && value <= LIMIT;
    }

    private static long one(String name, String rawQuery) {
        List<String> values = values(name, rawQuery == null ? "" : rawQuery);
        if (values.isEmpty()) throw new IllegalArgumentException("parameter " + name + " is missing");
        if (values.size() > 1) throw new IllegalArgumentException("parameter " + name + " is given more than once");
        String text = values.get(0);
        // 16 digits fit a long, so that parsing cannot overflow before the range is looked at.
        if (text.matches("-?[0-9]{1,16}")) {
            long value = Long.parseLong(text);
            if (representable(value)) return value;
        }
        throw new IllegalArgumentException("parameter " + name + " must be a whole number from " + RANGE);
    }

    private static List<String> values(String name, String rawQuery) {
        List<String> values = new ArrayList<>();
        for (String pair : rawQuery.split("&")) {
            String[] parts = pair.split("=", 2);
            if (URLDecoder.decode(parts[0], StandardCharsets.UTF_8).equals(name)) {
                values.add(parts.length == 2 ? URLDecoder.decode(parts[1], StandardCharsets.UTF_8) : "");
            }
        }
        return values;
    }
}
