"""`datalint explain`."""

import shutil
from typing import Any

import rich_click as click

from datalint.cli.options import config_options, rule_options, settings_of, target_options


@click.command()
@click.argument("location", metavar="FILE:LINE")
@target_options
@rule_options
@click.option(
    "--output-format",
    "output",
    default="text",
    metavar="FORMAT[:PATH]",
    help="text, html, json; a path for what is not to be printed.",
)
@click.option(
    "--color",
    default="auto",
    type=click.Choice(["auto", "always", "never"]),
    help="Colours (default: on a terminal).",
)
@config_options
def command(location: str, **flags: Any) -> int:
    """Show one row as the model will see it: rendered, its tokens, what is trained, what the cut takes away.

    Rows of JSON arrays and Parquet files have no lines: give FILE#ROW, counted from 0.
    """
    from datalint.cli.colors import wanted
    from datalint.explain import explain, html, parse_location, seen, text
    from datalint.report import parse_output, refuse_inputs, write_bytes

    output = parse_output(flags["output"], ("text", "html", "json"))
    refuse_inputs([output], [parse_location(location)[0]])
    explained = explain(location, settings_of(flags))
    if output.format == "html":
        data = html.render(explained).encode()
    elif output.format == "json":
        data = seen.as_json(explained)
    else:
        color = output.path is None and wanted(flags["color"])
        width = min(shutil.get_terminal_size((100, 24)).columns, 140) - 2
        data = text.render(explained, color=color, width=max(width, 20)).encode()
    write_bytes(data, output)
    return 0
