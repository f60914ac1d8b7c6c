"""A change of 500 resources fits a comment, the dangerous first; a command says how long it takes."""

from infra.local.paths import repo_root
from infra.ops import bench_report, graph, reports, sources
from infra.preview import markdown, report, stream
from infra.preview.levels import Level


def test_five_hundred_changes_of_the_real_program_fit_with_the_dangerous_first() -> None:
    settings = graph.stack_settings(repo_root() / "stacks" / "Pulumi.prod.yaml")
    lines = list(bench_report.events(sources.registered(settings), "prod", 500))
    made = report.build(stream.read(lines), reports.context(settings, where={}))
    comment = markdown.render(made, limit=markdown.GITHUB_LIMIT, full="https://forge.example.com/report")

    levels = [entry.level for entry in made.entries]
    assert len(levels) == 500
    assert made.counts == {"create": 100, "delete": 100, "replace": 100, "update": 200}
    assert levels == sorted(levels, reverse=True)
    critical = levels.count(Level.CRITICAL)
    assert critical > 10
    assert len(comment) <= markdown.GITHUB_LIMIT
    assert comment.count("- 🔴 **critical**") == critical, "not one of the worst is left out"
    assert "more changes did not fit here" in comment
    assert "](https://forge.example.com/report)" in comment


def test_what_is_too_slow_or_too_long_or_in_disorder_is_not_good() -> None:
    good = {
        "resources": 1, "cpu_seconds": {"read": 1.0}, "comment_characters": 10, "comment_limit": 10,
        "dangerous": 1, "dangerous_first": True,
    }  # fmt: skip

    def judged(**other: object) -> bool:
        return bench_report.Measured(**(good | other)).good  # type: ignore[arg-type]

    assert judged()
    assert not judged(cpu_seconds={"read": 1.5, "judge": 0.6})
    assert not judged(comment_characters=11)
    assert not judged(dangerous_first=False)
