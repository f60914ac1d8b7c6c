"""The small estate whose previews are recorded: a case changes one thing. See ``tests/preview/record.py``."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import groups
import pulumi
from cases import CASES

WAITED_FOR = ("kubernetes:apps/", "kubernetes:core/v1:Service")
PROGRAM = ("plinth:", "pulumi:")
"""Components and providers, which a case never changes."""
case = CASES[os.environ["PLINTH_CASE"]]


def change(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
    """Change the inputs and options of the resources that the case names."""
    props, opts = dict(args.props), args.opts
    if args.type_.startswith(PROGRAM):
        return pulumi.ResourceTransformResult(props=props, opts=opts)
    if args.type_.startswith(WAITED_FOR):  # the image is made up, so nobody waits for its pods
        metadata = dict(props["metadata"])
        metadata["annotations"] = {**metadata.get("annotations", {}), "pulumi.com/skipAwait": "true"}
        props["metadata"] = metadata
    for name, value in case.get("set", {}).get(args.name, {}).items():
        if value is None:
            props.pop(name, None)
        else:
            props[name] = (
                value if not isinstance(value, dict) or "Statement" not in value else json.dumps(value)
            )
    for name, value in case.get("options", {}).get(args.name, {}).items():
        setattr(opts, name, value)
    return pulumi.ResourceTransformResult(props=props, opts=opts)


pulumi.runtime.register_resource_transform(change)
groups.build(case)
