package embedded;

import io.kestra.core.docs.JsonSchemaGenerator;
import io.kestra.core.models.Label;
import io.kestra.core.models.dashboards.Dashboard;
import io.kestra.core.models.dashboards.charts.Chart;
import io.kestra.core.models.dashboards.charts.DataChart;
import io.kestra.core.models.dashboards.charts.DataChartKPI;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.executions.TaskRun;
import io.kestra.core.models.validations.ModelValidator;
import io.kestra.core.plugins.PluginRegistry;
import io.kestra.core.repositories.LogDataStoreInterface;
import io.kestra.core.repositories.MetricRepositoryInterface;
import io.kestra.core.serializers.YamlParser;
import io.kestra.core.services.ChartDataService;
import io.kestra.core.services.ExecutionOutputService;
import io.kestra.core.services.TaskOutputService;
import io.micronaut.data.model.Pageable;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.event.Level;

/** Kestra's objects as plain maps, which become JSON. */
final class Views {
    private final Engine engine;

    Views(Engine engine) {
        this.engine = engine;
    }

    /** What a list of executions shows. */
    Map<String, Object> line(Execution execution) throws Exception {
        Map<String, Object> view = new LinkedHashMap<>();
        view.put("id", execution.getId());
        view.put("flow", execution.getFlowId());
        view.put("kind", execution.getKind() == null ? "NORMAL" : execution.getKind().name());
        view.put("state", execution.getState().getCurrent().name());
        view.put("ended", execution.getState().isTerminated());
        view.put("states", execution.getState().getHistories().stream().map(one -> one.getState().name()).toList());
        view.put("inputs", execution.getInputs());
        view.put("labels", execution.getLabels() == null ? Map.of() : Label.toMap(execution.getLabels()));
        view.put("trigger", execution.getTrigger() == null ? null : execution.getTrigger().getVariables());
        view.put("trigger_id", execution.getTrigger() == null ? null : execution.getTrigger().getId());
        view.put("outputs", engine.bean(ExecutionOutputService.class).getOutputs(execution));
        return view;
    }

    /** Everything that Kestra keeps of one execution. */
    Map<String, Object> whole(Execution execution) throws Exception {
        Map<String, Object> view = line(execution);
        List<Object> tasks = new ArrayList<>();
        for (TaskRun run : execution.getTaskRunList() == null ? List.<TaskRun>of() : execution.getTaskRunList()) {
            Map<String, Object> task = new LinkedHashMap<>();
            task.put("id", run.getTaskId());
            task.put("state", run.getState().getCurrent().name());
            task.put("attempts", run.getAttempts() == null ? 0 : run.getAttempts().size());
            task.put("workers", run.getAttempts() == null ? List.of() : run.getAttempts().stream()
                .map(attempt -> String.valueOf(attempt.getWorkerId())).toList());
            task.put("outputs", engine.bean(TaskOutputService.class).getOutputs(run));
            tasks.add(task);
        }
        view.put("tasks", tasks);
        view.put("logs", engine.bean(LogDataStoreInterface.class)
            .findByExecutionId(Engine.TENANT, execution.getId(), Level.TRACE).stream()
            .map(log -> log.getLevel() + " " + log.getTaskId() + ": " + log.getMessage()).toList());
        view.put("metrics", engine.bean(MetricRepositoryInterface.class)
            .findByExecutionId(Engine.TENANT, execution.getId(), Pageable.UNPAGED));
        return view;
    }

    /** Parse and validate a dashboard and answer each of its charts. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    Map<String, Object> dashboard(String yaml, ZonedDateTime from, ZonedDateTime to) throws Exception {
        Dashboard dashboard = YamlParser.parse(yaml, Dashboard.class);
        engine.bean(ModelValidator.class).validate(dashboard);
        ChartDataService service = engine.bean(ChartDataService.class);
        Map<String, Object> answers = new LinkedHashMap<>();
        for (Chart chart : dashboard.getCharts()) {
            switch (chart) {
                case DataChartKPI kpi -> answers.put(chart.getId(), service.generateKPI(Engine.TENANT, kpi, from, to));
                case DataChart data ->
                    answers.put(chart.getId(), service.generate(Engine.TENANT, data, from, to, Pageable.from(1, 100)));
                default -> answers.put(chart.getId(), List.of());
            }
        }
        return answers;
    }

    /** Each registered type with the JSON schema of its properties. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    Map<String, Object> schemas() {
        JsonSchemaGenerator generator = engine.bean(JsonSchemaGenerator.class);
        Map<String, Object> found = new TreeMap<>();
        engine.bean(PluginRegistry.class).plugins().forEach(plugin -> {
            for (Class type : (List<Class>) (List) plugin.allClass()) {
                found.put(type.getName(), generator.properties(plugin.baseClass(type.getName()), type));
            }
        });
        return found;
    }
}
