"""While something is made, the bar shows the steps of the running job."""

import io

from tenku.cli.made import Watch, progress_text
from tenku.cli.pictures import slug
from tenku.cli.progress import Bar
from tenku.cli.progressline import progress_line
from tenku.studio.making import Piece
from tenku.studio.model import JobId, JobSpec, Kind, Progress, State
from tenku.studio.recipes.recipe import Ask

PIECE = Piece(ask=Ask(key="a", spec=JobSpec(kind=Kind.IMAGE, model="m", prompt="p")), state=State.DONE)


def test_the_steps_stand_beside_the_amount_where_there_is_room() -> None:
    def line(width: int) -> str:
        return progress_line("make", done=3, total=16, unit="image", rate=0.01, width=width, detail="step 12 of 20")

    assert "3 of 16 images  step 12 of 20" in line(120)
    assert "step 12 of 20" in line(60)
    assert "step" not in line(36)
    assert all(len(line(width)) <= width for width in range(10, 130))


def test_progress_is_said_in_the_unit_of_the_engine() -> None:
    assert progress_text(Progress(12, 20)) == "step 12 of 20"
    assert progress_text(Progress(1200, 0, "tokens")) == "1,200 tokens"
    assert progress_text(Progress(2, 81, "frames")) == "frame 2 of 81"
    assert progress_text(Progress(0, 20)) == ""


def test_a_piece_that_is_ready_takes_the_steps_of_its_job_away() -> None:
    out, clock = io.StringIO(), [0.0]
    bar = Bar(out, live=True, clock=lambda: clock[0], width=lambda: 100)
    kept: list[Piece] = []
    watch = Watch(bar, keep=kept.append)
    bar.phase("make", total=2, unit="image")
    for at, act in ((1.0, "step"), (2.0, "piece"), (3.0, "nothing")):
        clock[0] = at
        if act == "step":
            watch.running(JobId("x"), Progress(5, 9))
            assert out.getvalue().endswith("step 5 of 9")
        elif act == "piece":
            watch.piece(PIECE)
    assert kept == [PIECE]
    assert "1 of 2 images" not in out.getvalue().split("step 5 of 9")[0]
    assert "step" not in out.getvalue().split("step 5 of 9")[1]


def test_a_prompt_becomes_the_name_of_a_folder() -> None:
    assert slug("A potion icon!") == "a-potion-icon"
    assert slug("../..") == "assets"
    assert slug("x" * 99) == "x" * 40
    assert slug("魔法の薬") == "魔法の薬"
