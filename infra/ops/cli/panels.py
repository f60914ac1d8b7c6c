"""The order in which commands are shown, in the help and in the documentation: what one needs first."""

import typer

PANELS = {
    "Environments": (
        *("up", "preview", "status", "verify", "drift", "down", "destroy"),
        *("promote", "record", "backup", "rebuild"),
    ),
    "Services": (
        *("predict", "batch", "stream", "train", "registry", "data", "contract"),
        *("stop", "resume", "experiment", "retrain", "new-service"),
    ),
    "Trust": ("audit", "review", "policy"),
    "Watching": ("alerts", "runbook", "metric", "dashboards", "logs"),
    "Proof and cost": ("test", "bench", "drill", "cost", "preflight", "deployer"),
    "This machine and AWS": ("doctor", "env", "toolchain", "lock", "bootstrap"),
}
"""Panel to the commands in it; one that is in none comes last, under ``OTHER``."""
OTHER = "Other"


def panel_of(name: str) -> str:
    """Return the panel in which a command is shown."""
    return next((panel for panel, names in PANELS.items() if name in names), OTHER)


def rank(name: str) -> int:
    """Return a command's place in the order."""
    order = [one for names in PANELS.values() for one in names]
    return order.index(name) if name in order else len(order)


def arrange(app: typer.Typer) -> None:
    """Put commands and groups of an application in order, each into its panel."""
    for command in app.registered_commands:
        command.name = command.name or str(getattr(command.callback, "__name__", "")).replace("_", "-")
        command.rich_help_panel = panel_of(command.name)
    app.registered_commands.sort(key=lambda command: rank(command.name or ""))
    for group in app.registered_groups:
        group.rich_help_panel = panel_of(group.name or "")
    app.registered_groups.sort(key=lambda group: rank(group.name or ""))
