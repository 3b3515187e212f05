package io.kestra.plugin.scripts.shell;

import io.kestra.core.models.annotations.Plugin;
import io.kestra.core.models.property.Property;
import io.kestra.core.models.tasks.RunnableTask;
import io.kestra.core.runners.RunContext;
import io.kestra.plugin.scripts.exec.AbstractExecScript;
import io.kestra.plugin.scripts.exec.scripts.models.ScriptOutput;
import jakarta.validation.constraints.NotNull;
import java.util.List;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.ToString;
import lombok.experimental.SuperBuilder;

/**
 * Stands in for the task of this name, whose artifact (plugin-script-shell) Maven Central does not have.
 *
 * <p>It only hands its properties on: runner, environment, files, exit codes and outputs are those of the real
 * {@code io.kestra:script}, from which the real task inherits too.
 */
@SuperBuilder
@ToString
@EqualsAndHashCode(callSuper = true)
@Getter
@NoArgsConstructor
@Plugin
public class Commands extends AbstractExecScript implements RunnableTask<ScriptOutput> {
    @lombok.Builder.Default
    protected Property<String> containerImage = Property.ofValue("ubuntu");

    @NotNull
    protected Property<List<String>> commands;

    @Override
    public ScriptOutput run(RunContext runContext) throws Exception {
        return this.commands(runContext)
            .withInterpreter(this.getInterpreter())
            .withBeforeCommands(this.getBeforeCommands())
            .withBeforeCommandsWithOptions(true)
            .withCommands(this.getCommands())
            .withFailFast(runContext.render(this.getFailFast()).as(Boolean.class).orElse(true))
            .run();
    }
}
