"""`datalint config`."""

from typing import Any

import rich_click as click

from datalint.cli.options import config_options, settings_of
from datalint.cli.say import say


@click.command()
@click.option(
    "--output-format",
    default="text",
    type=click.Choice(["text", "json", "schema"]),
    help="How to print; schema: the JSON schema of a configuration file.",
)
@config_options
def command(output_format: str, **flags: Any) -> int:
    """Show every option, its value and where it came from."""
    import msgspec

    from datalint import secrets
    from datalint.config import flatten, schema
    from datalint.report.escape import inert_json

    if output_format == "schema":
        click.echo(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode())
        return 0
    settings = settings_of(flags)
    lines = _encodable(flatten(settings))
    if output_format == "json":
        table = {key: {"value": value, "from": origin} for key, value, origin in lines}
        encoded = secrets.mask(inert_json(msgspec.json.encode(table)).decode())
        click.echo(msgspec.json.format(encoded, indent=2))
        return 0
    say(f"configuration: {settings.file or 'none found'}; root: {settings.root}")
    width = max(len(key) for key, _, _ in lines)
    for key, value, origin in lines:
        say(f"{key.ljust(width)} = {msgspec.json.encode(value).decode()}  # {origin}")
    return 0


def _encodable(value: Any) -> Any:
    """The value with bytes of the command line that are no UTF-8 escaped."""
    from datalint.report.escape import encodable

    if isinstance(value, dict):
        return {encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return encodable(value) if isinstance(value, str) else value
