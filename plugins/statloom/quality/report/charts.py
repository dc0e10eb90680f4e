"""The report's charts, as SVG without colours of their own: a state is told by its height as well.

Every chart says in words what it shows (``role="img"`` with a label); no style attribute is used, which the
pages' content policy would refuse.
"""

# ruff: noqa: S704  (what is not escaped is built from numbers and class names here)

from collections.abc import Sequence

from markupsafe import Markup

SLOTS = 30  # of a strip: the newest outcome stands at its right end

# Outcome → class, bottom and height on a strip 12 high: a failure fills its column, a warning its upper part.
OUTCOMES = {"g": ("good", 12, 4), "w": ("warn", 12, 7), "p": ("part", 12, 10), "b": ("bad", 12, 12)}


def strip(outcomes: str, label: str) -> Markup:
    """Draw outcomes, oldest first: ``g`` met, ``w`` warned, ``p`` held back in part, ``b`` failed.

    Anything else was not judged.
    """
    outcomes = outcomes.rjust(SLOTS)[-SLOTS:]
    width = 4 * SLOTS
    paths = []
    for outcome, (name, bottom, height) in OUTCOMES.items():
        lines = [f"M{4 * at + 2} {bottom}v-{height}" for at, one in enumerate(outcomes) if one == outcome]
        if lines:
            paths.append(f'<path class="{name}" d="{"".join(lines)}"/>')
    return Markup(
        '<svg class="strip" role="img" aria-label="{}" viewBox="0 0 {} 12" width="{}" height="12">{}</svg>'
    ).format(label, width, width, Markup("".join(paths)))


def columns(
    stacks: Sequence[Sequence[float | None]], classes: Sequence[str], label: str, titles: Sequence[str]
) -> Markup:
    """Draw stacked columns, one a run, each with a title.

    ``stacks``: for each column the sizes of its parts, the lowest first; None is a column that is not known.
    ``classes``: of the parts. The tallest column fills the height.
    """
    highest = max((sum(part or 0 for part in stack) for stack in stacks), default=0) or 1
    step, height = 20, 100
    drawn = []
    for at, (stack, title) in enumerate(zip(stacks, titles, strict=True)):
        top, parts = float(height), []
        for size, name in zip(stack, classes, strict=True):
            # What is there is seen, however small it is beside the rest.
            tall = max(size / highest * height, 2) if size else 0
            if tall:
                top = max(top - tall, 0)
                parts.append(
                    f'<rect class="{name}" x="{at * step + 2}" y="{top:.1f}" width="16" height="{tall:.1f}"/>'
                )
        drawn.append(
            Markup(
                '<g><title>{}</title><rect class="hit" x="{}" y="0" width="20" height="100"/>{}</g>'
            ).format(title, at * step, Markup("".join(parts)))
        )
    width = max(step * len(stacks), step)
    return Markup(
        '<svg class="columns" role="img" aria-label="{}" viewBox="0 0 {} 100" preserveAspectRatio="none">'
        '<path class="axis" d="M0 100H{}"/>{}</svg>'
    ).format(label, width, width, Markup("").join(drawn))


def bar(parts: Sequence[tuple[str, float]], label: str) -> Markup:
    """Draw a bar of parts, (class, size), that together are the whole."""
    whole = sum(size for _, size in parts) or 1
    drawn, left = [], 0.0
    for name, size in parts:
        wide = 100 * size / whole
        if size:
            drawn.append(f'<rect class="{name}" x="{left:.2f}" y="0" width="{wide:.2f}" height="10"/>')
        left += wide
    return Markup(
        '<svg class="bar" role="img" aria-label="{}" viewBox="0 0 100 10" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(label, label, Markup("".join(drawn)))
