package sample;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Sends a request on to the frontend and its answer back; a hop that fails is named in the answer. */
final class Forwarder {
    private static final int MAX_BODY_BYTES = 64 * 1024;
    private static final String HOP = "api-gateway -> frontend";

    /** RFC 9110 section 7.6.1, and the headers that the HTTP client and server here set themselves. */
    private static final Set<String> PER_CONNECTION = Set.of(
            "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host",
            "content-length", "expect", "date");

    private final URI frontend;
    private final Duration timeout;
    private final Log log;
    private final HttpClient client;

    Forwarder(URI frontend, Duration timeout, Log log) {
        this.frontend = frontend;
        this.timeout = timeout;
        this.log = log;
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(Duration.ofSeconds(2))
                .executor(Executors.newFixedThreadPool(4))
                .build();
    }

    Reply answer(HttpExchange exchange) throws IOException, InterruptedException {
        URI asked = exchange.getRequestURI().normalize();
        if (!asked.getRawPath().startsWith("/api/v1/")) return Reply.error(404, "api-gateway serves /api/v1/");
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
        if (body.length > MAX_BODY_BYTES) return Reply.error(413, "a request body holds " + MAX_BODY_BYTES + " bytes at most");
        CompletableFuture<HttpResponse<byte[]>> pending = client.sendAsync(request(exchange, asked, body), AnswerBody::bounded);
        try {
            // The client's own timeout ends with the headers; this one covers the body too.
            return passOn(exchange, pending.get(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException slow) {
            pending.cancel(true);
            return failed(exchange, 504, "no answer from " + frontend + " in " + timeout.toMillis() + " ms");
        } catch (ExecutionException failure) {
            return failed(exchange, 502, Cause.of(failure.getCause(), frontend));
        }
    }

    private HttpRequest request(HttpExchange exchange, URI asked, byte[] body) {
        String query = asked.getRawQuery() == null ? "" : "?" + asked.getRawQuery();
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(frontend + asked.getRawPath() + query))
                .method(exchange.getRequestMethod(), body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body));
        endToEnd(exchange.getRequestHeaders()).forEach((name, values) -> values.forEach(value -> request.header(name, value)));
        return request.build();
    }

    private Reply passOn(HttpExchange exchange, HttpResponse<byte[]> answer) {
        // Every service of the sample signs its answers, so one without a signature was made by a proxy on the way.
        if (answer.headers().firstValue("X-Served-By").isEmpty()) {
            return failed(exchange, 502, Cause.ofProxyAnswer(answer.statusCode(), answer.body()));
        }
        return new Reply(answer.statusCode(), endToEnd(answer.headers().map()), answer.body());
    }

    private Reply failed(HttpExchange exchange, int status, String cause) {
        log.error("hop failed", "hop", HOP, "cause", cause, "requestId", exchange.getRequestHeaders().getFirst("X-Request-Id"));
        return Reply.json(status, "error", "the frontend could not be reached", "hop", HOP, "cause", cause);
    }

    private static Map<String, List<String>> endToEnd(Map<String, List<String>> headers) {
        Map<String, List<String>> kept = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        kept.putAll(headers);
        kept.keySet().removeIf(name -> name.startsWith(":") || PER_CONNECTION.contains(name.toLowerCase(java.util.Locale.ROOT)));
        return kept;
    }
}
