"""The slider of the third notebook, moved as a hand would move it, without a front end."""

from pathlib import Path

import ipywidgets
import nbformat
import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "03_how_much_load.ipynb"
PNG = b"\x89PNG\r\n"


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What is there after the first cell, the scenario, and the slider's, in a shorter run."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call] # nbformat is typed in parts only
    first, *_, last = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert "duration=60s" in first
    names: dict[str, object] = {}
    for source in (first.replace("duration=60s", "duration=20s"), last):
        exec(compile(source, NOTEBOOK.name, "exec"), names)
    return names


def test_a_move_of_either_slider_redraws_the_picture_from_the_algebra(
    moved: dict[str, object],
) -> None:
    rate, work, picture = moved["rate"], moved["work"], moved["picture"]
    assert isinstance(rate, ipywidgets.IntSlider)
    assert isinstance(work, ipywidgets.FloatSlider)
    assert isinstance(picture, ipywidgets.Image)
    pictures = [bytes(picture.value)]
    assert pictures[0].startswith(PNG)

    for slider, value in ((rate, 900), (work, 0.5), (work, 1.0), (rate, 800)):
        slider.value = value
        pictures.append(bytes(picture.value))

    began, faster, easier, back, home = pictures
    assert len({began, faster, easier}) == 3
    assert (back, home) == (faster, began)


def test_the_ends_of_the_sliders_can_be_drawn(moved: dict[str, object]) -> None:
    """At the upper ends far more arrives than is done, and most of it is never applied."""
    rate, work, picture = moved["rate"], moved["work"], moved["picture"]
    assert isinstance(rate, ipywidgets.IntSlider)
    assert isinstance(work, ipywidgets.FloatSlider)
    assert isinstance(picture, ipywidgets.Image)
    for rate_per_s in (rate.min, rate.max):
        for work_ms in (work.min, work.max):
            rate.value, work.value = rate_per_s, work_ms
            assert bytes(picture.value).startswith(PNG)
