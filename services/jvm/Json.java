package sample;

/** The little JSON these services write: flat objects of strings and whole numbers. */
final class Json {
    private Json() {}

    /** An object from alternating keys and values; numbers and null stay what they are, anything else becomes a string. */
    static String object(Object... keysAndValues) {
        StringBuilder out = new StringBuilder("{");
        for (int i = 0; i < keysAndValues.length; i += 2) {
            if (i > 0) out.append(',');
            quote(out, keysAndValues[i]).append(':');
            Object value = keysAndValues[i + 1];
            if (value == null || value instanceof Number) out.append(value);
            else quote(out, value);
        }
        return out.append('}').toString();
    }

    private static StringBuilder quote(StringBuilder out, Object value) {
        out.append('"');
        String text = String.valueOf(value);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 0x20 || Character.isSurrogate(c)) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"');
    }
}
