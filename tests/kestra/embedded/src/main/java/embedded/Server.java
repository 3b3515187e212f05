package embedded;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.kestra.core.models.Label;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.flows.FlowSource;
import io.kestra.core.models.triggers.TriggerId;
import io.kestra.core.scheduler.SchedulerClock;
import io.kestra.core.serializers.JacksonMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;

/** Answers pytest: POST /OPERATION with a JSON object, on a loopback port that stands in the first line of stdout. */
public final class Server {
    private static final ObjectMapper JSON = JacksonMapper.ofJson();
    private static final ObjectMapper YAML = JacksonMapper.ofYaml();
    private static final ShiftedClock CLOCK = new ShiftedClock();
    private final Engine engine;
    private final Views views;

    private Server(Engine engine) {
        this.engine = engine;
        this.views = new Views(engine);
    }

    /** Start everything. Arguments: the internal storage's folder, the worker's threads, the scheduler's time if not now. */
    public static void main(String[] arguments) {
        try {
            endWithParent();
            // Before the scheduler starts: it keeps the clock that it finds.
            if (arguments.length > 2) {
                CLOCK.goOnFrom(Instant.parse(arguments[2]));
            }
            SchedulerClock.setClock(CLOCK);
            Engine engine = new Engine(arguments[0], Integer.parseInt(arguments[1]));
            HttpServer http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
            http.createContext("/", new Server(engine)::answer);
            http.setExecutor(Executors.newCachedThreadPool());
            http.start();
            System.out.println("READY " + http.getAddress().getPort() + " " + engine.controllerPort);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }

    /** End this JVM as soon as whoever started it closes its stdin: no process outlives the tests. */
    static void endWithParent() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException closed) {
                // the same as its end
            }
            Runtime.getRuntime().halt(0);
        }, "stdin");
        watch.setDaemon(true);
        watch.start();
    }

    private void answer(HttpExchange exchange) throws IOException {
        int status = 200;
        Object body;
        try {
            body = run(exchange.getRequestURI().getPath().substring(1), JSON.readTree(exchange.getRequestBody()));
        } catch (Throwable failure) {
            status = 422;
            body = Map.of("error", failure.getClass().getSimpleName() + ": " + failure.getMessage());
        }
        byte[] bytes = JSON.writeValueAsBytes(body);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    private Object run(String operation, JsonNode asked) throws Exception {
        return switch (operation) {
            case "validate" -> validate(asked);
            case "parse" -> YAML.readValue(text(asked, "yaml"), Object.class);
            case "schemas" -> views.schemas();
            case "load" -> Map.of("revision", engine.load(text(asked, "yaml")).getRevision());
            case "submit" -> Map.of("id", engine.submit(
                text(asked, "namespace"), text(asked, "flow"), map(asked, "inputs"), labels(asked)).getId());
            case "execution" -> views.whole(engine.execution(text(asked, "id")).orElseThrow());
            case "executions" -> executions(asked);
            case "kill" -> views.line(engine.kill(text(asked, "id")));
            case "backfill" -> backfill(asked);
            case "trigger" -> engine.trigger(trigger(asked)).map(Object.class::cast).orElse(Map.of());
            case "clock" -> clock(asked);
            case "put" -> put(asked);
            case "value" -> engine.values(text(asked, "namespace")).getValue(text(asked, "key")).orElseThrow();
            case "dashboard" -> views.dashboard(text(asked, "yaml"), date(asked, "from"), date(asked, "to"));
            default -> throw new IllegalArgumentException("no operation " + operation);
        };
    }

    private Object validate(JsonNode asked) throws Exception {
        List<FlowSource> sources = new ArrayList<>();
        asked.get("sources").properties()
            .forEach(one -> sources.add(new FlowSource(one.getKey(), one.getValue().asText())));
        List<Object> found = new ArrayList<>();
        for (var one : engine.validate(sources)) {
            Map<String, Object> view = new LinkedHashMap<>();
            view.put("file", one.getFilename());
            view.put("constraints", one.getConstraints());
            view.put("deprecated", one.getDeprecationPaths());
            view.put("warnings", one.getWarnings());
            found.add(view);
        }
        return found;
    }

    private Object executions(JsonNode asked) throws Exception {
        List<Object> found = new ArrayList<>();
        for (Execution one : engine.executions(text(asked, "namespace"), text(asked, "flow"))) {
            found.add(views.line(one));
        }
        return found;
    }

    private Object backfill(JsonNode asked) throws Exception {
        engine.backfill(
            trigger(asked), date(asked, "from"), date(asked, "to"), map(asked, "inputs"), labels(asked));
        return Map.of();
    }

    /** Let the scheduler's clock go on from a later instant: it ignores one that goes back. */
    private static Object clock(JsonNode asked) {
        CLOCK.goOnFrom(Instant.parse(text(asked, "now")));
        return Map.of("now", SchedulerClock.now());
    }

    private Object put(JsonNode asked) throws Exception {
        engine.put(text(asked, "namespace"), text(asked, "key"), text(asked, "value"));
        return Map.of();
    }

    private static TriggerId trigger(JsonNode asked) {
        return TriggerId.of(Engine.TENANT, text(asked, "namespace"), text(asked, "flow"), text(asked, "trigger"));
    }

    private static List<Label> labels(JsonNode asked) {
        return map(asked, "labels").entrySet().stream()
            .map(one -> new Label(one.getKey(), String.valueOf(one.getValue()))).toList();
    }

    private static Map<String, Object> map(JsonNode asked, String name) {
        return asked.hasNonNull(name) ? JSON.convertValue(asked.get(name), JacksonMapper.MAP_TYPE_REFERENCE) : Map.of();
    }

    private static ZonedDateTime date(JsonNode asked, String name) {
        return ZonedDateTime.parse(text(asked, name));
    }

    private static String text(JsonNode asked, String name) {
        if (!asked.hasNonNull(name)) {
            throw new IllegalArgumentException("missing: " + name);
        }
        return asked.get(name).asText();
    }
}
