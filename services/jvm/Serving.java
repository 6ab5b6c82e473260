package sample;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One HTTP server from its start to its graceful stop.
 *
 * <pre>
 * serving --SIGTERM--> draining: health 503, answers say Connection: close --DRAIN_SECONDS--> listener closed
 *                                                                          --nothing in flight--> exit 0
 * </pre>
 */
final class Serving {
    /** Answers everything but the health path; null means that the connection was closed on purpose. */
    interface Route {
        Reply answer(HttpExchange exchange) throws IOException, InterruptedException;
    }

    private static final int THREADS = 16;
    private static final Duration IN_FLIGHT_GRACE = Duration.ofSeconds(15);

    private final Log log;
    private final Instance self;
    private final Settings settings;
    private final String healthPath;
    private final Route route;
    private final AtomicInteger inFlight = new AtomicInteger();
    private volatile boolean draining;

    Serving(Instance self, Settings settings, String healthPath, Route route) {
        this.log = new Log(self);
        this.self = self;
        this.settings = settings;
        this.healthPath = healthPath;
        this.route = route;
    }

    void start() throws IOException {
        // Read by the server's class when it is loaded. Without nodelay each answer waits for a delayed ACK (40 ms). The
        // idle interval (seconds) is longer than Envoy's hour, so that the client is the one to close an idle connection
        // and never writes into one that was just closed. The rest are bounds.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        System.setProperty("sun.net.httpserver.idleInterval", "3900");
        System.setProperty("sun.net.httpserver.maxIdleConnections", "1024");
        System.setProperty("sun.net.httpserver.maxReqTime", "10");
        System.setProperty("sun.net.httpserver.maxReqHeaderSize", "32768");
        System.setProperty("jdk.httpserver.maxConnections", "1024");

        HttpServer server = HttpServer.create(new InetSocketAddress(settings.bindAddress(), settings.port()), 256);
        // The queue before the threads is bounded by maxConnections: a connection carries one request at a time.
        server.setExecutor(Executors.newFixedThreadPool(THREADS));
        server.createContext("/", this::handle);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server), "stop"));
        server.start();
        int port = server.getAddress().getPort();
        settings.announce(port);
        log.info("started", "port", port);
    }

    private void handle(HttpExchange exchange) {
        inFlight.incrementAndGet();
        try (exchange) {
            Reply reply = isHealth(exchange) ? health() : routed(exchange);
            if (reply != null) send(exchange, reply);
        } catch (IOException gone) {
            log.error("answer not delivered", "path", exchange.getRequestURI().getPath(), "cause", gone);
        } finally {
            inFlight.decrementAndGet();
        }
    }

    private Reply routed(HttpExchange exchange) throws IOException {
        try {
            return route.answer(exchange);
        } catch (RuntimeException | InterruptedException failure) {
            log.error("request failed", "path", exchange.getRequestURI().getPath(), "cause", failure);
            return Reply.error(500, self.service() + " failed to answer");
        }
    }

    private void send(HttpExchange exchange, Reply reply) throws IOException {
        // One by one: putAll would not see that x-served-by and X-Served-By are the same header.
        reply.headers().forEach((name, values) -> values.forEach(value -> exchange.getResponseHeaders().add(name, value)));
        exchange.getResponseHeaders().add("X-Served-By", self.servedBy());
        if (draining) exchange.getResponseHeaders().set("Connection", "close");
        exchange.sendResponseHeaders(reply.status(), reply.body().length == 0 ? -1 : reply.body().length);
        if (reply.body().length > 0) exchange.getResponseBody().write(reply.body());
    }

    private boolean isHealth(HttpExchange exchange) {
        return exchange.getRequestURI().getPath().equals(healthPath);
    }

    private Reply health() {
        return draining ? Reply.json(503, "status", "OUT_OF_SERVICE") : Reply.json(200, "status", "UP");
    }

    private void stop(HttpServer server) {
        draining = true;
        log.info("draining", "seconds", settings.drain().toMillis() / 1000.0);
        pause(settings.drain());
        // stop() closes the listener at once but then sits out its delay even when nothing is in flight.
        Thread closing = new Thread(() -> server.stop((int) IN_FLIGHT_GRACE.toSeconds()), "close");
        closing.setDaemon(true);
        closing.start();
        boolean finished = nothingInFlight();
        if (finished) log.info("stopped");
        else log.error("stopped with requests in flight", "requests", inFlight.get());
        System.out.flush();
        // A JVM that leaves by SIGTERM reports 143; a stop that went well is a success.
        Runtime.getRuntime().halt(finished ? 0 : 1);
    }

    /** Quiet for two looks in a row: a request that was accepted just before the listener closed is seen by the second. */
    private boolean nothingInFlight() {
        long deadline = System.nanoTime() + IN_FLIGHT_GRACE.toNanos();
        int quiet = 0;
        while (quiet < 2 && System.nanoTime() < deadline) {
            pause(Duration.ofMillis(20));
            quiet = inFlight.get() == 0 ? quiet + 1 : 0;
        }
        return quiet == 2;
    }

    private static void pause(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException nobodyInterruptsTheStopThread) {
            Thread.currentThread().interrupt();
        }
    }
}
