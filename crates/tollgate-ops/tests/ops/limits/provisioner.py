"""Runs the provisioner of the Python client on an event of standard input, as its function does."""
import json
import sys

import boto3
import yaml

from zae_limiter_provisioner import pending
from zae_limiter_provisioner.handler import on_event

event = json.load(sys.stdin)
if event["action"] == "owe":
    owed = [tuple(work) for work in event["owed"]]
    client = boto3.client("dynamodb")
    full = event.get("full", False)
    pending.write_ahead(client, event["table_name"], event["namespace_id"], "gone", owed, lease_until_ms=1, full=full)
    answer = {}
else:
    event["manifest"] = yaml.safe_load(event["manifest"])
    answer = on_event(event, None)
print(json.dumps(answer))
