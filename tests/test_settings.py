"""Settings: paths start from the project's root, wherever a program was started."""

from routerlib import settings


def test_a_relative_outputs_folder_is_the_same_from_everywhere(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path / "project")
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", "elsewhere")
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "notebooks")
    path = settings.outputs("graded", "a.jsonl")
    assert (
        path == tmp_path / "project" / "elsewhere" / "graded" / "a.jsonl" and path.parent.is_dir()
    )


def test_outputs_lie_in_the_project_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.delenv("ROUTERLIB_OUTPUTS", raising=False)
    assert settings.outputs("datasets") == tmp_path / "outputs" / "datasets"
