"""Talks to examples/llm_gateway with an official SDK: python sdks.py openai|anthropic URL."""

import logging
import sys


class Retries(logging.Handler):
    """Counts what the SDK tries again by itself."""

    def __init__(self, sdk):
        super().__init__(logging.INFO)
        self.count = 0
        logger = logging.getLogger(sdk)
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def emit(self, record):
        self.count += record.getMessage().startswith("Retrying request")

    def during(self, call):
        before = self.count
        return call(), self.count - before


def failure(kind, call):
    """The error that `call` raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def check(condition, *told):
    if not condition:
        raise AssertionError(told)


TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SHORT = "how are you today"
# Its answer is as long: together more than a key has in a minute.
LONG = "how " * 700


def open_ai(url):
    import openai

    retries = Retries("openai")
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-alice", max_retries=2)

    def ask(content, client=client, **more):
        messages = [{"role": "user", "content": content}]
        return client.chat.completions.create(model="fake", messages=messages, **more)

    answer = ask(SHORT, max_completion_tokens=50)
    check(answer.choices[0].message.content.startswith("word"), answer)
    check(answer.usage.total_tokens == 10, answer)
    answer = ask([{"type": "text", "text": SHORT}], max_tokens=50)
    check(answer.usage.prompt_tokens >= 5, answer)

    # The usual loop, which a chunk without choices breaks.
    text = "".join(chunk.choices[0].delta.content or "" for chunk in ask(SHORT, stream=True, max_tokens=50))
    check(text.split() == ["word"] * 5, text)
    # Who asks for the usage gets it.
    *chunks, last = ask(SHORT, stream=True, max_tokens=50, stream_options={"include_usage": True})
    check(chunks and not last.choices and last.usage.total_tokens == 10, last)

    tools = [{"type": "function", "function": {"name": "weather", "parameters": TOOL}}]
    call = ask(SHORT, tools=tools, max_tokens=50).choices[0].message.tool_calls[0]
    check((call.function.name, call.function.arguments) == ("weather", '{"city":"Paris"}'), call)
    chunks = list(ask(SHORT, tools=tools, max_tokens=50, stream=True))
    check(chunks[0].choices[0].delta.tool_calls[0].function.name == "weather", chunks)
    check(chunks[-1].choices[0].finish_reason == "tool_calls", chunks)

    nobody = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-mallory")
    error = failure(openai.AuthenticationError, lambda: ask(SHORT, client=nobody))
    check("API key" in error.message and error.code == "invalid_api_key", error)
    error = failure(openai.BadRequestError, lambda: ask(""))
    check("Say something." in error.message, error)

    # More than a full bucket holds: no retry.
    error, tried = retries.during(lambda: failure(openai.RateLimitError, lambda: ask(SHORT, max_tokens=5000)))
    check("Request too large for tpm" in error.message and error.code == "request_too_large", error)
    check(tried == 0, tried)

    # Cut off when the bucket is empty.
    error = failure(openai.APIError, lambda: list(ask(LONG, stream=True)))
    check("The limit tpm is reached." in error.message and error.code == "rate_limit_exceeded", error)

    # 429, and granted after the wait that it says.
    answer, tried = retries.during(lambda: ask(SHORT, max_tokens=150))
    check(answer.choices and tried == 1, tried)
    error = failure(openai.RateLimitError, lambda: ask(SHORT, client=client.with_options(max_retries=0), max_tokens=400))
    check("Please try again in" in error.message and error.type == "tokens", error)
    check(0 < float(error.response.headers["retry-after-ms"]) <= 60_000, error.response.headers)


def anthropic(url):
    import anthropic

    retries = Retries("anthropic")
    client = anthropic.Anthropic(base_url=url, api_key="sk-alice", max_retries=2)

    def request(content, max_tokens=50, **more):
        return {"model": "fake", "max_tokens": max_tokens, "messages": [{"role": "user", "content": content}], **more}

    def ask(content, client=client, **more):
        return client.messages.create(**request(content, **more))

    answer = ask(SHORT)
    check(answer.content[0].text.startswith("word"), answer)
    check((answer.usage.input_tokens, answer.usage.output_tokens) == (5, 5), answer)
    answer = ask([{"type": "text", "text": SHORT}])
    check(answer.usage.input_tokens >= 5, answer)
    answer = ask(SHORT, client=anthropic.Anthropic(base_url=url, auth_token="sk-alice", api_key=None))
    check(answer.content, answer)

    with client.messages.stream(**request(SHORT)) as stream:
        check("".join(stream.text_stream).split() == ["word"] * 5, stream)
        check(stream.get_final_message().usage.output_tokens == 5, stream)

    tools = [{"name": "weather", "input_schema": TOOL}]
    call = ask(SHORT, tools=tools).content[0]
    check((call.name, call.input) == ("weather", {"city": "Paris"}), call)
    with client.messages.stream(**request(SHORT, tools=tools)) as stream:
        answer = stream.get_final_message()
    check((answer.stop_reason, answer.content[0].input) == ("tool_use", {"city": "Paris"}), answer)

    nobody = anthropic.Anthropic(base_url=url, api_key="sk-mallory")
    error = failure(anthropic.AuthenticationError, lambda: ask(SHORT, client=nobody))
    check(error.body["error"]["type"] == "authentication_error", error)
    error = failure(anthropic.BadRequestError, lambda: ask(""))
    check("Say something." in str(error), error)

    error, tried = retries.during(lambda: failure(anthropic.RateLimitError, lambda: ask(SHORT, max_tokens=5000)))
    check("Request too large for tpm" in str(error), error)
    check(error.body["error"]["type"] == "request_too_large" and tried == 0, error, tried)

    # Without the number of tokens that the SDK insists on, the gateway cannot know what is to come.
    unknown = {"max_tokens": None}
    error = failure(anthropic.APIError, lambda: list(ask(LONG, stream=True, extra_body=unknown)))
    check("The limit tpm is reached." in str(error), error)

    answer, tried = retries.during(lambda: ask(SHORT, max_tokens=150))
    check(answer.content and tried == 1, tried)
    few = client.with_options(max_retries=0)
    error = failure(anthropic.RateLimitError, lambda: ask(SHORT, client=few, max_tokens=400))
    check(error.body["error"]["type"] == "rate_limit_error", error)
    check(0 < float(error.response.headers["retry-after-ms"]) <= 60_000, error.response.headers)


if __name__ == "__main__":
    {"openai": open_ai, "anthropic": anthropic}[sys.argv[1]](sys.argv[2])
