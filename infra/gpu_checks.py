"""Whether the GPU pools of a stack fit together, and into its budget. Pure."""

from collections.abc import Iterator
from math import ceil

from infra.gpu_instances import INSTANCES, MIG_PROFILES, offer
from infra.prices import sheet
from infra.settings_checks import mistake
from infra.settings_foundation import GpuSettings, PoolSettings
from infra.settings_operations import CostSettings


def pools(settings: GpuSettings) -> Iterator[str]:
    """Give the mistakes of the pools: unknown types, contradicting sizes, GPUs divided as they cannot be."""
    for name, pool in sorted(settings.pools.items()):
        at = f"gpu.pools.{name}"
        for kind in pool.instance_types:
            if kind not in INSTANCES:
                known = ", ".join(INSTANCES)
                yield mistake(f"{at}.instance_types", kind, f"not a known GPU type; known are {known}")
        counts = {INSTANCES[kind].gpus for kind in pool.instance_types if kind in INSTANCES}
        if len(counts) > 1:
            yield mistake(
                f"{at}.instance_types",
                pool.instance_types,
                "have different numbers of GPUs, so a node's worth would be a matter of luck",
            )
        if pool.min_nodes > pool.max_nodes:
            yield mistake(f"{at}.min_nodes", pool.min_nodes, f"is more than max_nodes ({pool.max_nodes})")
        yield from _division(at, pool)
    most = sum(offers(settings).values())
    if settings.pools and settings.quota > most:
        yield mistake("gpu.quota", settings.quota, f"is more than the {most} GPUs that the pools can have")


def _division(at: str, pool: PoolSettings) -> Iterator[str]:
    """Give what is wrong with how a pool's GPUs are divided."""
    profile = pool.mig_profile
    if not profile:
        return
    if pool.time_slices > 1:
        yield mistake(
            f"{at}.mig_profile",
            profile,
            f"together with time_slices ({pool.time_slices}); choose one of the two",
        )
    models = sorted({INSTANCES[kind].model for kind in pool.instance_types if kind in INSTANCES})
    for model in models:
        profiles = MIG_PROFILES.get(model, {})
        if not profiles:
            yield mistake(
                f"{at}.mig_profile",
                profile,
                f"{model} has no MIG; use time_slices, or instances with {', '.join(MIG_PROFILES)}",
            )
        elif profile not in profiles:
            yield mistake(f"{at}.mig_profile", profile, f"not of {model}; it has {', '.join(profiles)}")


def offers(settings: GpuSettings) -> dict[str, int]:
    """Return how many units of each kind all pools have at their largest; what is mistaken counts as none."""
    found: dict[str, int] = {}
    for pool in settings.pools.values():
        known = [kind for kind in pool.instance_types if kind in INSTANCES]
        if pool.mig_profile:
            known = [k for k in known if pool.mig_profile in MIG_PROFILES.get(INSTANCES[k].model, {})]
        nodes = [offer(k, time_slices=pool.time_slices, mig_profile=pool.mig_profile) for k in known]
        if nodes:
            best = max(nodes, key=lambda one: one.units)
            found[best.resource] = found.get(best.resource, 0) + best.units * pool.max_nodes
    return found


def cost(settings: GpuSettings, budgeted: CostSettings, *, region: str) -> Iterator[str]:
    """Give the pools that cost more than the budget: each by itself, or else all together."""
    budget = budgeted.monthly_budget_usd
    months: dict[str, int] = {}
    for name, pool in sorted(settings.pools.items()):
        at = f"gpu.pools.{name}"
        listed = {
            kind: sheet().price("ec2", region, kind, unit="hour")
            for kind in pool.instance_types
            if kind in INSTANCES
        }
        for kind in sorted(kind for kind, price in listed.items() if price is None):
            yield mistake(
                f"{at}.instance_types",
                kind,
                "has no price; add a row with date and source to infra/prices.yaml",
            )
        priced = [price for price in listed.values() if price is not None]
        if not priced:
            continue
        dearest = max(priced, key=lambda price: price.usd)
        hourly = dearest.usd * pool.max_nodes
        hours, usd = pool.hours_per_month, ceil(hourly * pool.hours_per_month)
        months[name] = usd
        if usd > budget:
            paid = f"hours_per_month: {int(budget / hourly)} would fit, " if budget >= hourly else ""
            yield mistake(
                f"{at}.max_nodes",
                pool.max_nodes,
                f"{pool.max_nodes} x {dearest.type} for {hours} hours are {usd} USD a month "
                f"({dearest.told()}), more than cost.monthly_budget_usd ({budget}); {paid}"
                f"or a budget of {usd}",
            )
    together = sum(months.values())
    if together > budget and all(month <= budget for month in months.values()):
        shares = ", ".join(f"{name} {month}" for name, month in sorted(months.items()))
        yield mistake(
            "gpu.pools",
            sorted(months),
            f"cost {together} USD a month together ({shares}), more than cost.monthly_budget_usd ({budget}); "
            f"lower max_nodes or hours_per_month, or raise it to {together}",
        )
