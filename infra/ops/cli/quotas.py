"""The command that asks an account, before an ``up``, whether it has what GPU pools need."""

from rich.table import Table

from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import screen


@app.command()
def preflight(stack: Stack = "local", as_json: Json = False) -> None:
    """Ask the account whether its GPU pools could grow: EC2 quotas, and instance types in each zone.

    Virtual CPUs that the pools need at their largest are added to what others run, and compared with the
    quotas of the account and region. Exit code 4 when something is missing, with the number and the
    command that asks for it. `up` does the same before it changes anything. For a stack on AWS, with
    the credentials of your shell; they need to read only.
    """
    from infra.ops import changes, emulated
    from infra.ops import preflight as module

    settings = changes.stack_settings(emulated.stack_file(stack))
    if not settings.gpu.pools:
        if as_json:
            screen.json({"stack": stack, "ok": True, "quotas": [], "not_offered": {}, "nowhere": []})
        else:
            screen.out.print(f"Stack {stack} has no GPU pools, so there is nothing to ask for.")
        return
    report = module.look(settings)
    if as_json:
        screen.json(report.as_json())
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("quota", "vCPUs", "used by others", "pools need", "missing"):
            table.add_column(column)
        for row in report.rows:
            numbers = (row.limit, row.others, row.needed, row.missing)
            table.add_row(f"{row.quota.name} ({row.quota.code})", *(str(number) for number in numbers))
        screen.out.print(table)
        for pool, kinds in report.gaps.items():
            for kind, zones in kinds.items():
                screen.out.print(f"[yellow]note[/] pool {pool}: {kind} is not offered in {', '.join(zones)}")
    module.require(report)
    if not as_json:
        screen.out.print("The account can hold the GPU pools at their largest.")
