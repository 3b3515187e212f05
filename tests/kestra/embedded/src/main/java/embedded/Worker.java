package embedded;

import io.micronaut.context.ApplicationContext;
import java.util.List;
import java.util.Map;

/** A JVM that is only a worker: no database, its tasks come from the engine's controller. */
public final class Worker {
    private Worker() {}

    /** Start it. Arguments: the controller's port, threads, the folder of the internal storage. */
    public static void main(String[] arguments) {
        try {
            int port = Integer.parseInt(arguments[0]);
            Server.endWithParent();
            ApplicationContext context = ApplicationContext.builder(Worker.class)
                .environments("worker")
                .properties(Map.of(
                    "kestra.server-type", "WORKER",
                    "kestra.storage.local.base-path", arguments[2],
                    "kestra.worker.controllers.type", "STATIC",
                    "kestra.worker.controllers.static.endpoints", List.of(Map.of("host", "127.0.0.1", "port", port))))
                .build()
                .start();
            context.getBean(io.kestra.core.runners.Worker.class).start(Integer.parseInt(arguments[1]));
            System.out.println("READY");
            Thread.sleep(Long.MAX_VALUE);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }
}
