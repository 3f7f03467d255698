"""Acquires several resources at once with the Python client: argv is endpoint, stack and the request in JSON.

The request has entity, resource, consume, also, and settle: what is adjusted of each resource before the commit. Prints
the answer in JSON.
"""
import asyncio
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
for key, value in {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}.items():
    os.environ.setdefault(key, value)

from zae_limiter import RateLimiter, RateLimitExceeded, Repository  # noqa: E402


async def main(endpoint, stack, request):
    repository = Repository(stack, region="us-east-1", endpoint_url=endpoint)
    repository._namespace_id = await repository._resolve_namespace("default")
    repository._namespace_name = "default"
    repository._reinitialize_config_cache(repository._namespace_id)
    limiter = RateLimiter(repository=repository)
    try:
        context = limiter.acquire(request["entity"], request["resource"], request["consume"], also=request["also"])
        async with context as lease:
            for resource, amounts in request.get("settle", {}).items():
                await lease.resource(resource).adjust(**amounts)
        return {"ok": True}
    except RateLimitExceeded as error:
        return {"denied": [[status.resource, status.limit_name] for status in error.violations]}
    finally:
        await repository.close()


print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
