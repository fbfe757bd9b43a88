"""What the report says beside its figures: whether an audit has moved the scores."""

import json
from types import SimpleNamespace

from routewright.cli.evaluate import notes

MANIFEST = SimpleNamespace(extra={})


def test_scores_that_an_audit_has_moved_are_told_with_their_error(tmp_path):
    models = {
        "a": {"shift": -0.12, "std_error": 0.02, "prompts": 9, "judged": 9, "audited": 9},
        "b": {"shift": 0.05, "std_error": 0.01, "prompts": 9, "judged": 9, "audited": 9},
    }
    (tmp_path / "corrections.json").write_text(json.dumps({"models": models}))
    note = notes(tmp_path, MANIFEST, 0)[-1]
    assert note.title == "Scores corrected by a person's audit of the judge"
    assert note.entries == {"a": "-0.120 ± 0.020", "b": "+0.050 ± 0.010"}
    assert "standard error of 0.020 in a mean score, and of 0.028 in a difference" in note.text


def test_scores_of_the_judge_alone_have_no_such_note(tmp_path):
    assert [note.title for note in notes(tmp_path, MANIFEST, 0)] == ["Training"]


def test_a_panels_agreement_is_told_without_its_members(tmp_path):
    told = {"judge": "x, y", "weighted_kappa": 0.7, "members": [{"weighted_kappa": 0.1}]}
    (tmp_path / "agreement.json").write_text(json.dumps(told))
    assert set(notes(tmp_path, MANIFEST, 0)[-1].entries) == {"judge", "weighted_kappa"}
