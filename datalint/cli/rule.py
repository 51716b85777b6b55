"""`datalint rule`."""

from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from datalint.rule import Rule


@click.command()
@click.argument("selector", required=False, metavar="[CODE|NAME]")
@click.option("--output-format", default="text", type=click.Choice(["text", "markdown", "json"]), help="How to print.")
def command(selector: str | None, output_format: str) -> int:
    """List the rules, or explain those that a code, prefix or name means."""
    from datalint.catalogue import describe, explain, table
    from datalint.registry import all_rules
    from datalint.selectors import codes

    known = all_rules()
    chosen: list[type[Rule]] = [known[code] for code in (codes(selector, known, origin="rule") if selector else known)]
    if output_format == "json":
        import msgspec

        described: list[dict[str, Any]] = [describe(rule) for rule in chosen]
        click.echo(msgspec.json.format(msgspec.json.encode(described), indent=1).decode())
    elif selector is None:
        click.echo(table(chosen, markdown=output_format == "markdown"))
    else:
        click.echo("\n\n".join(explain(rule, markdown=output_format == "markdown") for rule in chosen))
    return 0
