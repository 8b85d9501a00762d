"""The notebook of the sample workspace, run where people run it."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path

import nbformat
import pytest

from coterie.cli.demo.sample import FILES
from coterie.hub.folders import Folders

RUN = """
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read("penguins.ipynb", as_version=4)
NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
nbformat.write(notebook, "executed.ipynb")
"""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path / "home")
    folders.prepare(sample=FILES)
    return folders


def test_it_runs_from_top_to_bottom_and_ends_with_a_table_and_a_plot(folders: Folders) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER"))}

    subprocess.run(
        [folders.environment / "bin" / "python", "-c", RUN],
        check=True,
        cwd=folders.work,
        env={**environment, "HOME": str(folders.home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )

    outputs = [
        output
        for cell in nbformat.read(folders.work / "executed.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    assert {"text/markdown", "image/png"} <= {kind for output in outputs for kind in output.get("data", {})}
    errors = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not [text for text in errors if "font cache" not in text]  # said where building it takes more than 5 s
    assert list(folders.environment.glob("lib/python*/site-packages/matplotlib"))


def test_it_comes_without_outputs() -> None:
    notebook = nbformat.read(FILES / "penguins.ipynb", as_version=4)

    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


def test_the_data_are_sixty_plausible_penguins() -> None:
    with (FILES / "penguins.csv").open(newline="") as file:
        penguins = list(csv.DictReader(file))

    assert len(penguins) == 60
    assert {penguin["species"] for penguin in penguins} == {"Adelie", "Chinstrap", "Gentoo"}
    assert all(2500 <= float(penguin["body_mass_g"]) <= 6500 for penguin in penguins)
