package embedded;

import io.kestra.core.models.Label;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.flows.Flow;
import io.kestra.core.models.flows.FlowSource;
import io.kestra.core.models.flows.FlowWithSource;
import io.kestra.core.models.triggers.TriggerId;
import io.kestra.core.models.validations.ValidateConstraintViolation;
import io.kestra.core.queues.DispatchQueueInterface;
import io.kestra.core.repositories.ExecutionRepositoryInterface;
import io.kestra.core.repositories.FlowRepositoryInterface;
import io.kestra.core.repositories.TriggerRepositoryInterface;
import io.kestra.core.runners.FlowInputOutput;
import io.kestra.core.runners.FlowMetaStoreInterface;
import io.kestra.core.runners.TestRunner;
import io.kestra.core.runners.TestRunnerUtils;
import io.kestra.core.scheduler.events.CreateBackfillTrigger;
import io.kestra.core.scheduler.model.TriggerState;
import io.kestra.core.scheduler.queue.TriggerEventQueue;
import io.kestra.core.services.FlowService;
import io.kestra.core.services.KVStoreService;
import io.kestra.core.storages.kv.KVMetadata;
import io.kestra.core.storages.kv.KVStore;
import io.kestra.core.storages.kv.KVValueAndMetadata;
import io.micronaut.context.ApplicationContext;
import io.micronaut.core.type.Argument;
import io.micronaut.data.model.Pageable;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/** A whole Kestra in this JVM: executor, scheduler, controller, worker and indexer over H2 in memory. */
final class Engine {
    static final String TENANT = "main";
    private static final Duration SOON = Duration.ofSeconds(20);

    final ApplicationContext context;
    final int controllerPort;

    Engine(String storage, int threads) throws Exception {
        try (var probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            controllerPort = probe.getLocalPort();
        }
        // Workers talk to the controller by gRPC even inside one process.
        context = ApplicationContext.builder(Engine.class)
            .environments("test")
            .properties(Map.of(
                "kestra.server-type", "STANDALONE",
                "kestra.storage.local.base-path", storage,
                "kestra.controller.port", controllerPort,
                "kestra.worker.controllers.type", "STATIC",
                "kestra.worker.controllers.static.endpoints",
                    List.of(Map.of("host", "127.0.0.1", "port", controllerPort))))
            .build()
            .start();
        TestRunner runner = bean(TestRunner.class);
        runner.setSchedulerEnabled(true);
        runner.setSystemWorkerEnabled(true);
        runner.setWorkerThread(threads);
        runner.run();
    }

    <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    /** What the web server answers before it saves flows: no constraints means valid. */
    List<ValidateConstraintViolation> validate(List<FlowSource> sources) throws Exception {
        return bean(FlowService.class).validate(TENANT, sources);
    }

    /** Save a flow and wait until executor and scheduler know it. */
    FlowWithSource load(String yaml) throws Exception {
        FlowWithSource flow = bean(FlowService.class).importFlow(TENANT, yaml);
        FlowMetaStoreInterface known = bean(FlowMetaStoreInterface.class);
        await(() -> known.allLastVersion().stream().anyMatch(one -> one.getId().equals(flow.getId())
            && one.getNamespace().equals(flow.getNamespace()) && one.getRevision().equals(flow.getRevision())));
        return flow;
    }

    /** Start an execution as the web server does: inputs are typed and checked, then it goes into the queue. */
    @SuppressWarnings("unchecked")
    Execution submit(String namespace, String id, Map<String, Object> inputs, List<Label> labels) throws Exception {
        Flow flow = bean(FlowRepositoryInterface.class).findById(TENANT, namespace, id, Optional.empty()).orElseThrow();
        FlowInputOutput reader = bean(FlowInputOutput.class);
        Execution execution = Execution.newExecution(
            flow, (one, created) -> reader.readExecutionInputs(one, created, inputs), labels, Optional.empty());
        DispatchQueueInterface<Execution> queue = (DispatchQueueInterface<Execution>)
            context.getBean(Argument.of(DispatchQueueInterface.class, Execution.class));
        queue.emit(execution);
        return execution;
    }

    Optional<Execution> execution(String id) {
        return bean(ExecutionRepositoryInterface.class).findById(TENANT, id);
    }

    List<Execution> executions(String namespace, String id) {
        return bean(ExecutionRepositoryInterface.class).findByFlowId(TENANT, namespace, id, Pageable.UNPAGED);
    }

    Execution kill(String id) throws Exception {
        return bean(TestRunnerUtils.class).killExecution(execution(id).orElseThrow());
    }

    /** What the button "Backfill executions" does: one event for the scheduler. */
    void backfill(TriggerId id, ZonedDateTime from, ZonedDateTime to, Map<String, Object> inputs, List<Label> labels)
        throws Exception {
        await(() -> trigger(id).isPresent());
        var asked = new CreateBackfillTrigger.Backfill(from, to, inputs, labels);
        bean(TriggerEventQueue.class).send(new CreateBackfillTrigger(id, asked));
    }

    Optional<TriggerState> trigger(TriggerId id) {
        return bean(TriggerRepositoryInterface.class).findById(id);
    }

    KVStore values(String namespace) {
        return bean(KVStoreService.class).get(TENANT, namespace, null);
    }

    void put(String namespace, String key, Object value) throws Exception {
        values(namespace).put(key, new KVValueAndMetadata(new KVMetadata(null, (Duration) null), value));
    }

    static void await(BooleanSupplier condition) throws Exception {
        long end = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new TimeoutException("not within " + SOON);
            }
            Thread.sleep(20);
        }
    }
}
