"""Figures: tensors drawn as SVG text, without a plotting library.

A figure takes its colors from CSS variables of the page: `--fig-ink`, `--fig-muted`, `--fig-grid`,
`--fig-accent`, `--fig-1` to `--fig-5`, and for heat `--fig-low`, `--fig-high`, `--fig-on-low`,
`--fig-on-high`; its font from `--fig-font`. Each has a fallback that suits a light page. The text
is made for a figure 360 pixels wide, as on a phone. The numbers of each figure follow it as a
table.
"""

from .circles import rotations
from .curves import lines
from .drawing import Figure
from .matrices import heatmap, heatmaps
from .plane import hull
from .tiling import tiles

__all__ = ["Figure", "heatmap", "heatmaps", "hull", "lines", "rotations", "tiles"]
