"""Pictures of one style: a subject and a profile become asks, with a seed each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tenku.base.errors import UsageError
from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.recipes.asks import SEEDS, key_of
from tenku.studio.recipes.recipe import Ask
from tenku.studio.styles.style import SeedPolicy, Style

ON_WHITE = "on a plain white background"


def image_asks(
    subject: str,
    style: Style | None,
    *,
    model: str,
    parameters: Mapping[str, Json],
    references: Sequence[str] = (),
    count: int = 1,
    seed: int = 0,
    name: str = "",
    line: int = 0,
) -> list[Ask]:
    """So many pictures of one subject.

    Args:
        parameters: of the jobs; where they say something, the style does not.
        references: the style's pictures, as inputs.
        seed: the first one, unless the style has its own.
        name: they are called `NAME-0001`, …; a single one just that.

    Raises:
        UsageError: by the style's seeds two of them would be the same picture.
    """
    given = picture_parameters(style, parameters, references)
    prompt = style.prompt(subject) if style else subject
    return [
        Ask(
            key=key_of(name, number, count),
            line=line,
            spec=JobSpec(kind=Kind.IMAGE, model=model, prompt=prompt, parameters=given, seed=each, row=number),
        )
        for number, each in enumerate(seeds_of(style, first=seed, count=count))
    ]


def picture_parameters(
    style: Style | None, parameters: Mapping[str, Json], references: Sequence[str] = ()
) -> dict[str, Json]:
    """What a job of this style has, with what was asked for besides on top; both say what is not to be seen."""
    if style is None:
        return dict(parameters)
    given: dict[str, Json] = {}
    if style.size:
        given["width"], given["height"] = style.size
    given |= {key: value for key, value in (("steps", style.steps), ("accelerate", style.accelerate)) if value}
    if style.guidance >= 0:
        given["guidance"] = style.guidance
    if references and not parameters.get("image"):
        # A model that edits takes the first picture as what it changes, others as what it looks at.
        given |= {"task": "edit", "image": references[0]}
        given |= {"references": list(references[1:])} if references[1:] else {}
    elif references:
        given["references"] = list(references[:3])
    negative = ", ".join(part for part in (style.negative, str(parameters.get("negative") or "")) if part)
    return {**given, **parameters, **({"negative": negative} if negative else {})}


def styled(spec: JobSpec, style: Style, references: Sequence[str] = ()) -> JobSpec:
    """A picture's job in a style; what the job says for itself counts. `references`: the style's, as inputs."""
    given = picture_parameters(style, spec.parameters, references)
    return replace(spec, prompt=style.prompt(spec.prompt), parameters=given)


def begun(parameters: Mapping[str, Json]) -> dict[str, Json]:
    """The same, with the task that the pictures make which came along: where none is said, they say it."""
    given = dict(parameters)
    references = list(given.pop("references", None) or ())  # type: ignore[arg-type]
    task = given.get("task") or ("inpaint" if given.get("mask") else "edit" if references else "")
    if references and not given.get("image"):
        given["image"] = references.pop(0)
    return given | ({"references": references} if references else {}) | ({"task": task} if task else {})


def on_white(subject: str, style: Style | None) -> str:
    """What is asked for, where it is to be cut out: a style that cuts says itself what it needs."""
    return subject if style and style.finish.background == "cut" else f"{subject}, {ON_WHITE}"


def seeds_of(style: Style | None, *, first: int, count: int) -> list[int]:
    """The seeds of so many pictures of one prompt. Raises UsageError: two of them would be the same."""
    policy = style.policy if style else SeedPolicy.PER_ASSET
    start = first if style is None or style.first is None else style.first
    match policy:
        case SeedPolicy.FIXED:
            seeds = [start] * count
        case SeedPolicy.LIST:
            assert style is not None
            seeds = list(style.seeds[:count])
        case SeedPolicy.PER_ASSET:
            seeds = [(start + number) % SEEDS for number in range(count)]
    if len(set(seeds)) < count:
        assert style is not None
        raise UsageError(
            f"The style {style.name} has {len(set(seeds))} of the {count} seeds that are needed: of one prompt each "
            "seed is one picture.",
            hint="Ask for fewer, or set [seed] policy = 'per-asset'.",
        )
    return seeds
