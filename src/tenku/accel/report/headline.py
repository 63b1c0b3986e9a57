"""Four questions, four answers: can this chip run it, how fast, how right, what to mend first (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.report.costs import BLOCKING
from tenku.accel.report.diff import Whole
from tenku.accel.report.model import Fit, Report, Verdict
from tenku.accel.report.summary import Line, Total, totals
from tenku.accel.report.words import (
    SAID,
    count_text,
    error_text,
    listed,
    share_text,
    short,
    time_text,
)

GOOD, FAIR, BAD = "good", "fair", "bad"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a question comes to."""

    question: str
    short: str
    """In a word or three."""
    text: str
    """In one sentence or two."""
    mood: str
    """GOOD, FAIR or BAD."""


def answers(report: Report) -> tuple[Answer, ...]:
    """The four answers."""
    found = totals(report)
    return (can(report, found), fast(report, found[0]), right(report, found), mend(found[0]))


def can(report: Report, found: Sequence[Total]) -> Answer:
    """Whether it runs."""
    question = f"Can it run {report.model}?"
    best = found[0]
    running, stuck = [each for each in found if each.runs], [each for each in found if not each.runs]
    blocks = [block for block in report.blocks if block.verdict in BLOCKING and block.dtype == best.dtype]
    nothing = [fit for fit in report.fits if fits_nothing(fit)]
    not_in = [_why_not(each) for each in stuck]
    if not best.lines:
        return Answer(question=question, short="Not known", text="Nothing was tried.", mood=BAD)
    if not running:
        return Answer(question=question, short="No", text=" ".join(not_in), mood=BAD)
    if nothing and len(nothing) == len(report.fits):
        text = f"Every operator runs in {best.dtype}, but it does not fit: {nothing[0].message or nothing[0].what}."
        return Answer(question=question, short="No, it is too large", text=text, mood=BAD)
    yes = f"Every operator runs in {listed([each.dtype for each in running])}."
    if blocks:
        block = blocks[0]
        text = f"{yes} But whole, {block.name} {SAID[block.verdict]}{_because(block.message)}."
        return Answer(question=question, short="Not whole", text=text, mood=BAD)
    if best.fallen:
        fallen = listed([short(line.operator) for line in best.fallen])
        yes = f"{yes} {count_text(len(best.fallen), 'operator')} of {best.dtype} {_verb(best.fallen)} back to the "
        text = " ".join([f"{yes}processor: {fallen}.", *not_in])
        return Answer(question=question, short="Yes, with fall-backs", text=text, mood=FAIR)
    return Answer(question=question, short="Yes", text=" ".join([yes, *not_in]), mood=GOOD)


def fast(report: Report, best: Total) -> Answer:
    """How long a step and the job take."""
    question, step = "How fast?", best.step
    if step is None or not best.seconds:
        return Answer(question=question, short="Not known", text="No operator could be timed.", mood=BAD)
    least = "at least " if best.unknown else ""
    text = (
        f"One run of {step.name} takes {least}{time_text(step.seconds / max(1, step.runs))} in {best.dtype}, "
        f"the whole job ({report.job}) {least}{time_text(best.seconds)}, as the sum of its operators."
    )
    if best.unknown:
        names = listed([short(line.operator) for line in best.unknown])
        text += f" What {names} would take is not known."
    share = roof_share(best)
    if share is not None:
        text += f" That is {share_text(share)} of what the device's measured peaks allow."
    mood = FAIR if best.unknown or share is None or share < 0.25 else GOOD
    return Answer(question=question, short=f"{least}{time_text(best.seconds)}", text=text, mood=mood)


def right(report: Report, found: Sequence[Total]) -> Answer:
    """How far off results are."""
    question, best = "How right?", found[0]
    wrong = [line for line in best.lines if Verdict.WRONG in line.verdicts]
    if wrong:
        names = listed([short(line.operator) for line in wrong])
        text = f"{names} {'is' if len(wrong) == 1 else 'are'} wrong in {best.dtype}{_because(wrong[0].message)}."
        return Answer(question=question, short=f"{count_text(len(wrong), 'operator')} wrong", text=text, mood=BAD)
    if not best.errors:
        return Answer(question=question, short="Not known", text="Nothing could be compared.", mood=BAD)
    worst = best.errors[0]
    text = f"The largest error of an operator in {best.dtype} is {error_text(worst.error)}, of {short(worst.operator)}."
    whole = [block for block in report.blocks if block.dtype == best.dtype and block.error is not None]
    said = error_text(worst.error)
    if whole:
        block = max(whole, key=lambda each: each.error or 0.0)
        said = error_text(block.error)
        text += f" Whole pieces of the model are off by {said} at most ({block.name})."
    return Answer(question=question, short="exact" if said == "exact" else f"within {said}", text=text, mood=GOOD)


def mend(best: Total) -> Answer:
    """What to do first."""
    question = "What to mend first?"
    if not best.first:
        text = f"No operator of {best.dtype} is much slower than others of its kind."
        return Answer(question=question, short="Nothing", text=text, mood=GOOD)
    names = [short(line.operator) for line in best.first]
    text = f"{listed(names, most=len(names))}. "
    text += f"With {'it' if len(names) == 1 else 'these'} mended the job would take {time_text(best.mended)}"
    text += "." if best.unknown or not best.seconds else f" instead of {time_text(best.seconds)}."
    mood = BAD if best.blocking else FAIR
    return Answer(question=question, short=names[0], text=text, mood=mood)


def reason(line: Line) -> str:
    """Why an operator is one of those to mend, in a line."""
    verdicts = [verdict for verdict in line.verdicts if verdict is not Verdict.NATIVE]
    everywhere = len(line.verdicts) == 1
    shapes = sum(line.verdicts.values())
    said = [
        SAID[verdict] + ("" if everywhere else f" at {line.verdicts[verdict]} of {shapes} shapes")
        for verdict in verdicts
    ]
    if not line.blocks and line.saved:
        costs = f"{'it ' if said else ''}costs {time_text(line.saved)} more than it should"
        said.append(costs)
    if line.blocks and line.unknown:
        said.append(
            "what it takes is not known"
            + (f", about {time_text(line.mended)} once it is mended" if line.mended else "")
        )
    if line.reached is not None:
        said.append(f"reaches {share_text(line.reached)} of the roofline")
    return "; ".join(said)


def whole_answer(whole: Whole) -> Answer:
    """The job in one number type, before and after."""
    before, after = whole.before.seconds, whole.after.seconds
    text = f"The whole job in {whole.dtype}, as the sum of its operators, took {time_text(before)}"
    text += f" and takes {time_text(after)}."
    if not whole.both_known:
        text += " Some operators have no time in one of them, so the two sums are not of the same things."
        return Answer(question=whole.dtype, short="Not comparable", text=text, mood=FAIR)
    ratio = after / before if before else 1.0
    word = f"{share_text(abs(ratio - 1))} {'slower' if ratio > 1 else 'faster'}" if ratio != 1 else "As fast"
    mood = BAD if ratio > 1.02 else GOOD
    return Answer(question=whole.dtype, short=word, text=text, mood=mood)


def fits_nothing(fit: Fit) -> bool:
    """Whether not even the smallest fits."""
    return not fit.computed


def roof_share(total: Total) -> float | None:
    """Share of the roof over all operators whose time and roof are known."""
    known = [line for line in total.lines if line.reached is not None and line.seconds]
    seconds = sum(line.seconds for line in known)
    return sum(line.seconds * (line.reached or 0.0) for line in known) / seconds if seconds else None


def _why_not(total: Total) -> str:
    if not total.lines:
        return f"Nothing was tried in {total.dtype}."
    names = listed([f"{short(line.operator)} {SAID[line.worst]}" for line in total.blocking])
    return f"Not in {total.dtype}: {names}."


def _verb(lines: Sequence[Line]) -> str:
    return "falls" if len(lines) == 1 else "fall"


def _because(message: str) -> str:
    words = " ".join(message.split()).rstrip(".")
    return f" ({words[:160]}{'…' if len(words) > 160 else ''})" if words else ""
