"""Questions to the audit trail, as SQL for Athena. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = {
    "eventversion": "string",
    "useridentity": "struct<type:string,principalid:string,arn:string,accountid:string,"
    "invokedby:string,username:string,sessioncontext:struct<sessionissuer:struct<arn:string,username:string>>>",
    "eventtime": "string",
    "eventsource": "string",
    "eventname": "string",
    "awsregion": "string",
    "sourceipaddress": "string",
    "useragent": "string",
    "errorcode": "string",
    "errormessage": "string",
    "requestparameters": "string",
    "responseelements": "string",
    "requestid": "string",
    "eventid": "string",
    "readonly": "string",
    "resources": "array<struct<arn:string,accountid:string,type:string>>",
    "eventtype": "string",
    "recipientaccountid": "string",
    "sharedeventid": "string",
}
"""Column of the trail's table to its type, after CloudTrail's record contents."""
LOOK_BACK_DAYS = 30
"""Days that a question covers as it stands: a month's review; the day in it can be changed."""
_SAFE = re.compile(r"[A-Za-z0-9_.%:/-]+")


@dataclass(frozen=True, kw_only=True)
class NamedQuery:
    """One question: its name, what it answers, and its SQL."""

    name: str
    question: str
    sql: str


def named_queries(
    *, table: str, data_buckets: Sequence[str], gpu_patterns: Sequence[str]
) -> tuple[NamedQuery, ...]:
    """Return the questions that auditors ask.

    Args:
        table: Name of the trail's table.
        data_buckets: Names of the buckets with training data.
        gpu_patterns: SQL LIKE patterns of the names of GPU roles, node groups and launch templates.

    Raises:
        ValueError: A name that does not belong in SQL, or none at all.
    """
    for text in (table, *data_buckets, *gpu_patterns):
        if not _SAFE.fullmatch(text):
            raise ValueError(f"{text!r} does not belong into a query")
    if not data_buckets or not gpu_patterns:
        raise ValueError("a question about nothing has no answer: name buckets and patterns")
    named = " OR ".join(
        f"{column} LIKE '%{pattern}%'"
        for pattern in gpu_patterns
        for column in ("requestparameters", "useridentity.arn")
    )
    buckets = ", ".join(f"'{bucket}'" for bucket in sorted(data_buckets))
    bucket = "json_extract_scalar(requestparameters, '$.bucketName')"
    return (
        NamedQuery(
            name="who-used-the-gpu-pool",
            question="Who took a GPU role, or asked for, changed or ran GPU capacity in the last month?",
            sql=_select(
                table,
                columns="requestparameters",
                where=f"eventsource IN ('sts.amazonaws.com', 'eks.amazonaws.com', 'eks-auth.amazonaws.com', "
                f"'autoscaling.amazonaws.com', 'ec2.amazonaws.com')\n  AND ({named})",
            ),
        ),
        NamedQuery(
            name="who-read-the-training-data",
            question="Who read which object of the training data in the last month?",
            sql=_select(
                table,
                columns=f"{bucket} AS bucket,\n  json_extract_scalar(requestparameters, '$.key') AS object",
                where="eventsource = 's3.amazonaws.com'\n  AND eventname IN ('GetObject', "
                f"'SelectObjectContent', 'CopyObject')\n  AND {bucket} IN ({buckets})",
            ),
        ),
        NamedQuery(
            name="what-changed-in-iam",
            question="Who changed an identity, a role or a policy in the last month, and how?",
            sql=_select(
                table,
                columns="requestparameters",
                where="eventsource = 'iam.amazonaws.com'\n  AND readonly = 'false'",
            ),
        ),
        NamedQuery(
            name="who-was-refused",
            question="Who was refused what in the last month?",
            sql=_select(
                table,
                columns="errormessage",
                where="errorcode LIKE '%AccessDenied%' OR errorcode LIKE '%UnauthorizedOperation'",
            ),
        ),
    )


def _select(table: str, *, columns: str, where: str) -> str:
    return (
        "SELECT eventtime,\n  useridentity.arn AS who,\n  sourceipaddress,\n  eventname,\n  errorcode,\n"
        f"  {columns}\nFROM {table}\n"
        f"WHERE day >= date_format(current_date - interval '{LOOK_BACK_DAYS}' day, '%Y/%m/%d')\n"
        f"  AND ({where})\nORDER BY eventtime DESC\nLIMIT 1000"
    )
