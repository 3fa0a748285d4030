"""The examples of docs/claims.md run as they stand there."""

import re
import runpy
from pathlib import Path

from studies.subsampling_ablation import BASE, NAIVE

PAGE = Path(__file__).parents[3] / "docs" / "claims.md"


def test_the_examples_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        example = tmp_path / f"example_{number}.py"
        example.write_text(block, encoding="utf-8")
        runpy.run_path(str(example), {"BASE": BASE, "NAIVE": NAIVE})
