"""The report as one HTML page without scripts or anything from elsewhere, to be kept or sent."""

from importlib.resources import files

from datalint.report.escape import inert_html, shown, visible
from datalint_trainer import report_text
from datalint_trainer.report import ImpactReport, plain, signed
from datalint_trainer.report_plots import figures
from datalint_trainer.verdict import Interval

MOST_CLASSES = 200


def render(report: ImpactReport) -> str:
    """The page. Whatever came from the data is escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(visible=visible, shown=shown, sentence=lambda text: text[:1].upper() + text[1:])
    environment.globals.update(
        plain=plain,
        signed=signed,
        interval=lambda table: Interval(**table),
        rule_figures=report_text.rule_figures,
        learning=report_text.learning,
        objective=report_text.objective,
        rules_title=report_text.RULES_TITLE,
        rules_legend=report_text.RULES_LEGEND,
        most=MOST_CLASSES,
    )
    template = environment.from_string(files("datalint_trainer").joinpath("report.html.jinja").read_text("utf-8"))
    # The SVG writer has escaped the labels in them.
    drawn = {name: Markup(svg) for name, svg in figures(report).items()}  # noqa: S704
    return inert_html(template.render(report=report, figures=drawn))
