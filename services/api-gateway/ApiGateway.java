package sample;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;

/** Passes /api/v1/ on to the frontend. FRONTEND_ADDR (default http://localhost:9292), REQUEST_TIMEOUT_MS (default 12000). */
public final class ApiGateway {
    private ApiGateway() {}

    public static void main(String[] args) throws IOException {
        Map<String, String> env = System.getenv();
        Instance self = Instance.fromEnv("api-gateway", env);
        Log log = new Log(self);
        try {
            URI frontend = base(Settings.text(env, "FRONTEND_ADDR", "http://localhost:9292"));
            // Longer than the frontend's own 10 s, so that the hop nearest to the failure is the one that names it.
            Duration timeout = Settings.milliseconds(env, "REQUEST_TIMEOUT_MS", 12_000);
            Forwarder forwarder = new Forwarder(frontend, timeout, log);
            new Serving(self, Settings.read(env, args), "/actuator/health", forwarder::answer).start();
        } catch (IllegalArgumentException | IOException unusable) {
            log.error("cannot start", "cause", unusable.getMessage());
            System.exit(2);
        }
    }

    private static URI base(String text) {
        URI uri = URI.create(text);
        if ("http".equals(uri.getScheme()) && uri.getHost() != null && uri.getPath().isEmpty()) return uri;
        throw new IllegalArgumentException("FRONTEND_ADDR must look like http://host:port, is '" + text + "'");
    }
}
