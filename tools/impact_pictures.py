"""Make the pictures of docs/impact.md: those of the report on the demo's data.

python tools/impact_pictures.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from datalint_trainer.demo import demo
from datalint_trainer.report_plots import figures, standalone

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Write docs/images/impact-<name>.svg."""
    with TemporaryDirectory() as folder:
        report = demo(Path(folder) / "demo")
    for name, svg in figures(report).items():
        (IMAGES / f"impact-{name}.svg").write_text(standalone(svg), encoding="utf-8")


if __name__ == "__main__":
    main()
