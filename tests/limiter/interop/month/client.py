"""Runs the Python client in virtual time. Reads one JSON command a line, with the time in `now`
(seconds since the epoch), and answers each with one JSON line."""

import asyncio
import json
import sys
import time
import warnings

warnings.simplefilter("ignore")
NOW = [0.0]
time.time = lambda: NOW[0]

from zae_limiter import RateLimiter, RateLimitExceeded, Repository  # noqa: E402


class Client:
    def __init__(self, repository):
        self.repository = repository
        self.limiter = RateLimiter(repository=repository)
        self.held = {}

    async def take(self, command):
        context = self.limiter.acquire(command["entity"], "api", command["costs"])
        try:
            lease = await context.__aenter__()
        except RateLimitExceeded:
            return False
        if command["hold"] is None:
            await context.__aexit__(None, None, None)
        else:
            self.held[command["hold"]] = (context, lease)
        return True

    async def settle(self, command):
        context, lease = self.held.pop(command["hold"])
        await lease.adjust(**command["changes"])
        await context.__aexit__(None, None, None)

    async def reset(self, command):
        await self.repository.reset_bucket(command["entity"], "api", limits=command["limits"])

    async def top_up(self, command):
        await self.repository.top_up(command["entity"], "api", command["amounts"])

    async def move(self, command):
        await self.limiter.set_parent(command["entity"], command["parent"])

    async def grow(self, command):
        await self.repository.bump_shard_count(command["entity"], "api", command["count"])


async def main():
    endpoint, stack, namespace = sys.argv[1:]
    repository = Repository(stack, region="us-east-1", endpoint_url=endpoint, rejection_cache_ttl=0)
    repository._namespace_id, repository._namespace_name = namespace, "theirs"
    repository._reinitialize_config_cache(namespace)
    client = Client(repository)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        command = json.loads(line)
        NOW[0] = float(command["now"])
        answer = await getattr(client, command["op"])(command)
        print(json.dumps(answer), flush=True)
    await repository.close()


asyncio.run(main())
