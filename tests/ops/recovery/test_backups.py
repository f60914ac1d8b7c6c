"""Backups are proven before anything is built from them, and what is restored is what was backed up."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from infra.data_classes import REPLICATED
from infra.errors import Exit, PlinthError, RefusedError
from infra.local.paths import repo_root
from infra.ops import contracts, state
from infra.ops.cli import app
from infra.ops.console import Steps
from infra.ops.drills import gamedays, loss
from infra.ops.recovery import (
    backups,
    comparison,
    keeping,
    objects,
    rebuild,
    rebuild_phases,
    records,
    sources,
    tables,
    undo,
)
from infra.ops.recovery.keeping import Keep
from infra.ops.recovery.rebuild_work import Progress, Work
from infra.settings import Settings

pytestmark = pytest.mark.parts

VERDICTS = {"mandatory_violations": 0, "advisory_violations": 0, "resources": 1}
REGISTRY = "model-registry"


def _item(number: int, **more: Any) -> dict[str, Any]:
    return {"id": {"S": f"{number:04}"}, "n": {"N": str(number)}, **more}


def _fill(account: Any, settings: Settings, items: list[dict[str, Any]]) -> Any:
    client = account.client("dynamodb", settings.aws.region)
    for item in items:
        client.put_item(TableName=tables.name_of(settings, REGISTRY), Item=item)
    return client


@pytest.fixture
def kept(settings: Settings, account: Any) -> Any:
    """Leave record, state and tables of the stack where copies lie, as S3 would have copied them."""
    home = replace_region(account, settings.aws.region)
    urn = "urn:pulumi:local::plinth::aws:sns/topic:Topic::alerts"
    rows = [{"urn": urn, "type": "aws:sns/topic:Topic", "id": "a", "inputs": {}, "outputs": {}}]
    path = state.state_file("local")
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps({"version": 3, "checkpoint": {"stack": "local", "latest": {"resources": rows}}})
    )
    _fill(account, settings, [_item(number) for number in range(60)])
    records.write(settings, VERDICTS, home)
    backups.run(settings, home)
    copied(account, settings)
    return account


def replace_region(account: Any, region: str) -> Any:
    other = type(account)(region)
    other._clients = account._clients
    return other


def copied(account: Any, settings: Settings) -> None:
    there = account.client("s3", settings.recovery.region)
    objects.copy(
        account.client("s3", settings.aws.region), keeping.bucket(settings), there,
        keeping.bucket(settings, copy=True), lambda _: None,
    )  # fmt: skip


def _spoil(account: Any, settings: Settings, kind: str, *, ending: str = "") -> None:
    keep = Keep(settings, account, copy=True)
    rows = [one for one in keep.list(kind) if one.name.endswith(ending)]
    keep._s3.put_object(Bucket=keep.bucket, Key=rows[-1].key, Body=b"{}")


def test_what_is_kept_is_found_and_proven_in_the_other_region(settings: Settings, kept: Any) -> None:
    found = sources.find(settings, kept, copy=True)

    assert found.record.said["stack"] == "local"
    assert [row["type"] for row in found.latest["resources"]] == ["aws:sns/topic:Topic"]
    assert tables.count(found.files[REGISTRY]) == 60


@pytest.mark.parametrize(
    ("kind", "ending", "said"),
    [
        (keeping.RECORDS, "", "cannot be read: The file is not a DSSE envelope"),
        (keeping.STATES, "", "The backup of the state is corrupt"),
        (keeping.TABLES, ".jsonl", "its file is not what was signed for: it is corrupt"),
        (keeping.TABLES, "Z.json", "is not to be trusted: The file is not a DSSE envelope"),
    ],
)
def test_what_was_altered_is_refused_by_name(
    settings: Settings, kept: Any, kind: str, ending: str, said: str
) -> None:
    _spoil(kept, settings, kind, ending=ending)

    with pytest.raises(PlinthError) as caught:
        sources.find(settings, kept, copy=True)
    assert caught.value.code == Exit.REFUSED
    assert said in caught.value.what


def test_everything_that_is_missing_is_said_at_once(settings: Settings, account: Any) -> None:
    with pytest.raises(PlinthError) as caught:
        sources.find(settings, account, copy=True)

    assert "There is no record of 'local'" in caught.value.what
    assert "There is no backup of the tables of 'local'" in caught.value.what


def test_a_backup_by_another_key_is_refused(
    settings: Settings, kept: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "another clone"))
    contracts.development_key()

    with pytest.raises(PlinthError, match="a signature is by a key that nobody trusts"):
        sources.find(settings, kept, copy=True)


def test_an_older_backup_can_be_asked_for(settings: Settings, kept: Any) -> None:
    keep, signers = Keep(settings, kept, copy=True), records.trusted(settings)
    first = backups.newest(keep, signers)

    assert backups.newest(keep, signers, before="2999-01-01T00:00:00+00:00") == first
    with pytest.raises(PlinthError, match="from before 2001"):
        backups.newest(keep, signers, before="2001-01-01T00:00:00+00:00")


@budget(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(count=st.integers(0, 60), half=st.integers(0, 60))
def test_a_half_restored_table_is_finished(elsewhere: Settings, account: Any, count: int, half: int) -> None:
    client = account.client("dynamodb", elsewhere.aws.region)
    table = tables.name_of(elsewhere, REGISTRY)
    items = [_item(number, text={"S": "ä\n"}) for number in range(count)]
    content = b"".join(sorted(tables._line(item) for item in items))
    for page in tables._items(client, table):
        client.delete_item(TableName=table, Key={"id": page["id"]})
    for item in items[:half]:
        client.put_item(TableName=table, Item=item)

    assert tables.restore(client, table, content) == max(0, count - half)
    assert tables.dump(client, table) == content
    assert tables.restore(client, table, content) == 0


def test_what_was_written_meanwhile_stays_nothing_is_written_over(elsewhere: Settings, account: Any) -> None:
    client = _fill(account, elsewhere, [_item(1, state={"S": "claimed"})])
    table = tables.name_of(elsewhere, REGISTRY)

    assert tables.restore(client, table, tables._line(_item(2))) == 1
    client.delete_item(TableName=table, Key={"id": {"S": "0002"}})
    with pytest.raises(PlinthError, match="holds 1 item"):
        tables.restore(client, table, tables._line(_item(1)))
    assert tables.dump(client, table) == tables._line(_item(1, state={"S": "claimed"}))


def test_on_the_way_back_the_newer_item_wins_and_what_only_the_original_has_stays(
    elsewhere: Settings, account: Any
) -> None:
    client = _fill(account, elsewhere, [_item(1, state={"S": "open"}), _item(3)])
    table = tables.name_of(elsewhere, REGISTRY)
    newer = [tables._line(_item(1, state={"S": "closed"})), tables._line(_item(2))]

    assert tables.restore(client, table, b"".join(newer), write_over=True) == 2
    assert tables.dump(client, table) == b"".join([*newer, tables._line(_item(3))])
    assert tables.restore(client, table, b"".join(newer), write_over=True) == 0


def test_a_rebuild_only_reads_what_is_left_of_the_original(
    settings: Settings, elsewhere: Settings, kept: Any, tmp_path: Path
) -> None:
    here = kept.client("s3", settings.recovery.region)
    here.put_object(Bucket=keeping.bucket(settings, "data", copy=True), Key="set.csv", Body=b"rows")
    asked: list[str] = []
    for service, region in (("s3", settings.recovery.region), ("dynamodb", settings.recovery.region)):
        kept.client(service, region).meta.events.register(
            "before-parameter-build.*.*",
            lambda params, model, **_: asked.append(f"{model.name} {params.get('Bucket', '')}"),
        )
    names = {keeping.bucket(settings, one, copy=copy) for one in REPLICATED for copy in (True, False)}
    state_before = state.digest("local")
    work = Work(
        lost=settings,
        into=elsewhere,
        file=tmp_path,
        planned=False,
        onto_living=False,
        before="",
        progress=Progress(lost="local", into="local-dr", begun=""),
        steps=Steps(),
        account=kept,
        sources=sources.find(settings, kept, copy=True),
    )

    rebuild_phases.PHASES["objects"](work)
    rebuild_phases.PHASES["tables"](work)

    of_the_original = {row.split(" ")[0] for row in asked if row.split(" ")[1] in names}
    assert of_the_original == {"ListObjectVersions", "ListObjectsV2", "GetObject"}
    assert any(row.startswith("PutObject") for row in asked)
    assert state.digest("local") == state_before


def test_an_up_makes_a_backup_when_the_newest_is_old_or_not_to_be_trusted(
    settings: Settings, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace_region(account, settings.aws.region)
    first = backups.run_if_due(settings, here)

    assert first is not None
    assert backups.run_if_due(settings, here) is None
    monkeypatch.setattr(backups, "DUE_SECONDS", -1)
    assert backups.run_if_due(settings, here) is not None
    monkeypatch.setattr(backups, "DUE_SECONDS", 3600)
    keep = Keep(settings, here)
    for one in keep.list(keeping.TABLES):
        keep._s3.put_object(Bucket=keep.bucket, Key=one.key, Body=b"{}")
    assert backups.run_if_due(settings, here) is not None


def test_every_version_is_copied_once_and_in_order(
    settings: Settings, elsewhere: Settings, account: Any
) -> None:
    here, there = (account.client("s3", one.aws.region) for one in (settings, elsewhere))
    source, target = (keeping.bucket(one, "data") for one in (settings, elsewhere))
    for content in (b"one", b"two"):
        here.put_object(Bucket=source, Key="set.csv", Body=content)
    first = objects.copy(here, source, there, target, lambda _: None)
    here.put_object(Bucket=source, Key="set.csv", Body=b"three")
    second = objects.copy(here, source, there, target, lambda _: None)

    assert (first.versions, first.now) == (2, 2)
    assert (second.versions, second.now) == (3, 1)
    assert there.get_object(Bucket=target, Key="set.csv")["Body"].read() == b"three"
    rows = there.list_object_versions(Bucket=target)["Versions"]
    bodies = [
        there.get_object(Bucket=target, Key="set.csv", VersionId=row["VersionId"])["Body"].read()
        for row in rows
    ]
    assert bodies == [b"three", b"two", b"one"]


def test_a_rebuild_that_could_save_nothing_is_refused(settings: Settings, elsewhere: Settings) -> None:
    no_copies = settings.model_copy(update={"recovery": settings.recovery.model_copy(update={"region": ""})})
    same = elsewhere.model_copy(update={"aws": settings.aws})
    other = elsewhere.model_copy(
        update={"aws": elsewhere.aws.model_copy(update={"account_id": "999999999999"})}
    )
    third = elsewhere.model_copy(update={"aws": elsewhere.aws.model_copy(update={"region": "eu-north-1"})})
    cases = [
        (settings, settings, "not rebuilt into itself"),
        (settings, same, "Both stacks are in eu-central-1"),
        (settings, other, "different accounts"),
        (no_copies, elsewhere, "has no copies in another region"),
        (settings, third, "The copies of 'local' are in eu-west-1"),
    ]
    for lost, into, said in cases:
        with pytest.raises(RefusedError, match=said):
            rebuild.require_places(lost, into, planned=False)
    rebuild.require_places(settings, elsewhere, planned=False)


def test_a_living_target_is_refused_unless_this_rebuild_made_it(elsewhere: Settings) -> None:
    path = state.state_file("local-dr")
    path.parent.mkdir(parents=True)
    rows = [{"urn": "urn:pulumi:x", "type": "x"}]
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": rows}}}))
    fresh = Progress(lost="local", into="local-dr", begun="")

    with pytest.raises(RefusedError, match="lives: its state holds 1 resources"):
        rebuild.require_free(elsewhere, fresh, onto_living=False)
    rebuild.require_free(elsewhere, fresh, onto_living=True)
    rebuild.require_free(elsewhere, replace(fresh, found={"build": {"begun": True}}), onto_living=False)


def test_ages_name_what_is_late_or_missing(settings: Settings, kept: Any) -> None:
    rows = {row.store: row for row in backups.status(settings, replace_region(kept, settings.aws.region))}

    assert rows["tables"].problem == ""
    assert rows["state"].problem == ""
    assert rows["artifacts"].target_seconds == 900
    assert rows["decisions"].newest == ""
    path = state.state_file("local")
    path.write_text(path.read_text().replace("alerts", "other"))
    again = {row.store: row for row in backups.status(settings, replace_region(kept, settings.aws.region))}
    assert "changed since" in again["state"].problem


def test_what_was_overwritten_or_deleted_comes_back_and_nothing_is_removed(
    settings: Settings, account: Any
) -> None:
    s3, bucket = account.client("s3", settings.aws.region), keeping.bucket(settings)
    for name in ("kept", "overwritten", "deleted", "gone before"):
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    s3.delete_object(Bucket=bucket, Key="gone before")
    time.sleep(1.1)  # S3 tells times in whole seconds
    moment = datetime.now(UTC)
    time.sleep(1.1)
    s3.put_object(Bucket=bucket, Key="overwritten", Body=b"junk")
    s3.put_object(Bucket=bucket, Key="new", Body=b"new")
    s3.delete_object(Bucket=bucket, Key="deleted")

    done = undo.since(s3, bucket, moment)

    assert done == undo.Undone(overwritten=("overwritten",), deleted=("deleted",), newer=("new",))
    there = {row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert there == {"kept", "overwritten", "deleted", "new"}
    assert s3.get_object(Bucket=bucket, Key="overwritten")["Body"].read() == b"overwritten"
    assert b"junk" in [
        s3.get_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])["Body"].read()
        for row in s3.list_object_versions(Bucket=bucket)["Versions"]
    ]


def test_a_lost_state_comes_back_and_a_living_one_is_not_written_over(settings: Settings, kept: Any) -> None:
    home = replace_region(kept, settings.aws.region)
    before = state.digest("local")
    with pytest.raises(PlinthError, match="not written over"):
        sources.restore_state(settings, home)
    loss.forget("local")
    assert state.resource_count("local") == 0

    record = sources.restore_state(settings, home, copy=True)

    assert state.digest("local") == before
    assert records.verify(settings, record, None) == []
    assert records.load(settings) == record


def test_a_lost_state_is_brought_back_only_from_what_is_kept_and_trusted(
    settings: Settings, kept: Any
) -> None:
    home = replace_region(kept, settings.aws.region)
    before = state.digest("local")
    loss.forget("local")
    nowhere = settings.model_copy(update={"environment": "nowhere"})
    assert sources.recover_state(nowhere, home) is None, "there is no such bucket"

    record = sources.recover_state(settings, home)

    assert record is not None
    assert state.digest("local") == before
    loss.forget("local")
    Keep(settings, home).put(keeping.RECORDS, record.name, b"{}")
    with pytest.raises(PlinthError):
        sources.recover_state(settings, home)
    assert not state.state_file("local").exists()


def test_scenarios_have_names_of_their_own_and_commands_that_exist() -> None:
    names = [one.name for one in gamedays.ALL]

    assert len(set(names)) == len(names) >= 12
    assert [one.name for one in gamedays.chosen([])] == names
    with pytest.raises(PlinthError, match="no scenario flood"):
        gamedays.chosen(["flood"])
    known = {f"./plinth {name}" for name in commands()}
    used = {command.partition(" --")[0] for one in gamedays.ALL for command in one.commands}
    assert used - {"./plinth logs apiserver"} <= known


def commands() -> set[str]:
    found: set[str] = set()

    def walk(command: Any, words: str) -> None:
        for name, sub in command.commands.items():
            found.add(f"{words}{name}")
            if hasattr(sub, "commands"):
                walk(sub, f"{words}{name} ")

    walk(typer.main.get_command(app), "")
    return found


def test_what_an_account_has_once_is_what_the_stack_that_owns_it_has_more() -> None:
    golden = repo_root() / "tests" / "golden"
    owner, other = (json.loads((golden / f"{name}.json").read_text()) for name in ("local", "local-dr"))
    more = {row.split(" ", 1)[1] for row in set(owner) - set(other)}

    assert set(other) <= set(owner)
    assert [name for name in more if not name.startswith(comparison.ONCE)] == []
    assert {one for one in comparison.ONCE if not any(name.startswith(one) for name in more)} == set()


def test_the_stack_that_takes_the_place_of_local_is_local_elsewhere() -> None:
    here, there = (
        yaml.safe_load((repo_root() / "stacks" / f"Pulumi.{name}.yaml").read_text())
        for name in ("local", "local-dr")
    )
    here["config"]["plinth:aws"] |= {"region": "eu-west-1", "owns_account": False}
    here["config"]["plinth:recovery"]["region"] = "eu-north-1"

    assert there == here


def test_what_an_account_has_once_is_no_difference_in_either_direction(
    settings: Settings, elsewhere: Settings
) -> None:
    def checkpoint(*names: str, stack: str) -> dict[str, Any]:
        kind = "aws:sns/topic:Topic"
        urn = "urn:pulumi:{}::plinth::{}::{}"
        rows = [
            {"urn": urn.format(stack, kind, name), "type": kind, "inputs": {"name": f"plinth-{stack}-{name}"}}
            for name in names
        ]
        return {"resources": rows}

    owner = checkpoint("alerts", "audit-trail", stack="local")
    other = checkpoint("alerts", stack="local-dr")

    there = comparison.compare(settings, owner, elsewhere, other)
    back = comparison.compare(elsewhere, other, settings, owner)
    broken = comparison.compare(elsewhere, checkpoint("alerts", "more", stack="local-dr"), settings, owner)

    assert there.equal
    assert back.equal
    assert there.once == back.once == ["aws:sns/topic:Topic audit-trail"]
    assert broken.gone == ["aws:sns/topic:Topic more"]
