"""`datalint check`."""

from collections.abc import Sequence
from typing import Any

import rich_click as click

from datalint.cli.guard import GATE_FAILED
from datalint.cli.options import config_options, data_options, memory_option, progress_option, rule_options, settings_of
from datalint.cli.say import note


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@rule_options
@data_options
@click.option("--fix", is_flag=True, help="Mend the files in place (JSON Lines, CSV, TSV); safe rewrites, no drops.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: rewrites that change what is trained too.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, write nothing; exit 1 if it is something.")
@click.option("--against", metavar="WHERE", help="An index of earlier rows (`datalint index add`): report repeats.")
@click.option(
    "--scope",
    default="all",
    type=click.Choice(["row", "dataset", "all"]),
    help="Rules that judge a row by itself or by its file, the others, or all.",
)
@click.option(
    "--output-format",
    "outputs",
    multiple=True,
    metavar="FORMAT[:PATH]",
    help="text, concise, json, jsonl; repeatable.",
)
@click.option(
    "--max-examples",
    default=None,
    type=click.IntRange(min=0),
    help="Findings shown for each rule (default: 3).",
)
@click.option("--no-excerpts", is_flag=True, help="Show no content of rows.")
@click.option("--statistics", is_flag=True, help="Show the summary only.")
@click.option(
    "--color",
    default="auto",
    type=click.Choice(["auto", "always", "never"]),
    help="Colours (default: on a terminal).",
)
@click.option(
    "--fail-on",
    default=None,
    type=click.Choice(["error", "warning", "never"]),
    help="Severity that fails the gate.",
)
@click.option("--gate", multiple=True, metavar="'CODE > 1%'", help="A limit for one rule: findings, or share of rows.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the gate says.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="With --fix: exit with 1 if a file was changed.")
@click.option("--show-files", is_flag=True, help="List the files that would be read, and stop.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
@memory_option
@progress_option
@config_options
def command(paths: tuple[str, ...], **flags: Any) -> int:
    """Lint datasets: files, folders, or what the configuration names (default: the working directory)."""
    from datalint.cli.colors import wanted
    from datalint.cli.fixing import fixed, refuse_contradictions, show_fixes
    from datalint.cli.progress import bar
    from datalint.report import Look, parse_output, refuse_inputs, write_report
    from datalint.report.escape import told
    from datalint.run import check_settings, prepare

    refuse_contradictions(flags)
    settings = settings_of(flags)
    outputs = [parse_output(text) for text in flags["outputs"]] or [parse_output("text")]
    config = settings.config
    # What lies in folders is known once they were searched.
    refuse_inputs(outputs, [*paths, *config.train, *config.eval, *config.reference])
    if flags["show_files"]:
        for job in prepare(paths or None, settings).plan.jobs:
            click.echo(f"{told(job.file.name)}\t{job.file.split}")
        return 0
    if flags["diff"]:
        return show_fixes(paths or None, settings, flags)
    fingerprints = any(output.format in ("json", "jsonl") for output in outputs)
    changed: Sequence[str] = ()
    if flags["fix"]:
        report, changed = fixed(paths or None, settings, flags, fingerprints=fingerprints)
    else:
        with bar("checking", paths, settings, show=flags["progress"]) as progress:
            report = check_settings(
                paths or None, settings, scope=flags["scope"], progress=progress, fingerprints=fingerprints
            )
    for hint in report.hints:
        note(hint)
    look = Look(
        color=wanted(flags["color"]),
        max_examples=config.max_examples,
        excerpts=not flags["no_excerpts"],
        statistics=flags["statistics"],
    )
    for output in outputs:
        if not (flags["quiet"] and output.path is None and report.passed):
            write_report(report, output, look)
    # A report that goes to a file alone must not leave the terminal in doubt about the verdict.
    if report.failures and all(output.path is not None for output in outputs) and not flags["quiet"]:
        failed = ", ".join(f"{f.rule} {f.count:,} {f.limit}" for f in report.failures)
        note(f"gate failed: {failed}")
    if changed and flags["exit_non_zero_on_fix"]:
        return GATE_FAILED
    return 0 if report.passed or flags["exit_zero"] else GATE_FAILED
