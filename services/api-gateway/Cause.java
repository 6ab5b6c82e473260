package sample;

import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpConnectTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;

/** Why a hop failed, in words: the JDK's own messages are often null. */
final class Cause {
    private Cause() {}

    static String of(Throwable failure, URI target) {
        for (Throwable at = failure; at != null; at = at.getCause()) {
            if (at instanceof UnresolvedAddressException) return "the name " + target.getHost() + " has no address";
            if (at instanceof HttpConnectTimeoutException) return "no connection to " + target + " in time";
        }
        if (failure instanceof ConnectException) return "connection to " + target + " refused";
        return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
    }

    static String ofProxyAnswer(int status, byte[] body) {
        String text = new String(body, StandardCharsets.UTF_8).strip();
        return "a proxy on the way answered " + status + ": " + text.substring(0, Math.min(text.length(), 200));
    }
}
