package sample;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.util.Map;

/** Adds two whole numbers: GET /api/v1/execute?l=1&r=2 answers {"result":3}. */
public final class AddSvc {
    private AddSvc() {}

    public static void main(String[] args) throws IOException {
        Map<String, String> env = System.getenv();
        Instance self = Instance.fromEnv("add-svc", env);
        Log log = new Log(self);
        try {
            Serving.Route route = exchange -> answer(exchange, self, log);
            new Serving(self, Settings.read(env, args), "/actuator/health", route).start();
        } catch (IllegalArgumentException | IOException unusable) {
            log.error("cannot start", "cause", unusable.getMessage());
            System.exit(2);
        }
    }

    private static Reply answer(HttpExchange exchange, Instance self, Log log) throws InterruptedException {
        if (!exchange.getRequestURI().getPath().equals("/api/v1/execute")) return Reply.error(404, "add-svc serves /api/v1/execute");
        if (!exchange.getRequestMethod().equals("GET")) return Reply.methodNotAllowed("GET");
        try {
            Fault fault = Fault.read(exchange.getRequestHeaders().getFirst("X-Fault"));
            Operands operands = Operands.read(exchange.getRequestURI().getRawQuery());
            if (fault.hits(self)) {
                Reply instead = fault.strike(exchange, log);
                if (instead != null || fault.kind() == Fault.Kind.ABORT) return instead;
            }
            return Reply.json(200, "result", sum(operands));
        } catch (IllegalArgumentException bad) {
            return Reply.error(400, bad.getMessage());
        }
    }

    private static long sum(Operands operands) {
        long sum = operands.l() + operands.r();
        if (Operands.representable(sum)) return sum;
        throw new IllegalArgumentException("the sum of " + operands.l() + " and " + operands.r() + " is outside " + Operands.RANGE);
    }
}
