"""The official Python client through the gateway: one JSON line a scenario, judged by pypi-openai.test.ts.

Usage: openai_client.py BASE_URL SERVICE MAX_TOKENS SCENARIO. At `killed` it prints a line "kill" after five tokens and
goes on when a line comes back.
"""
import json
import sys

import openai

BASE_URL, SERVICE, MAX_TOKENS, SCENARIO = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
client = openai.OpenAI(base_url=BASE_URL, api_key="none")


def asked(content, **more):
    return {"model": SERVICE, "messages": [{"role": "user", "content": content}], "max_tokens": MAX_TOKENS, **more}


def tell(**line):
    print(json.dumps(line), flush=True)


def chat():
    whole = client.chat.completions.create(**asked("python chat"))
    with client.chat.completions.stream(**asked("python stream")) as stream:
        streamed = stream.get_final_completion()
    tell(whole=whole.choices[0].message.content, streamed=streamed.choices[0].message.content)


def completions():
    order = {"model": SERVICE, "prompt": "python completion", "max_tokens": MAX_TOKENS}
    whole = client.completions.create(**order).choices[0].text
    streamed = "".join(chunk.choices[0].text for chunk in client.completions.create(**order, stream=True))
    tell(whole=whole, streamed=streamed)


def responses():
    order = {"model": SERVICE, "max_output_tokens": MAX_TOKENS}
    first = client.responses.create(**order, input="python one")
    following = {**order, "input": "python two", "previous_response_id": first.id}
    second = client.responses.create(**following)
    with client.responses.stream(**following) as stream:
        streamed = stream.get_final_response()
    tell(first=first.output_text, second=second.output_text, streamed=streamed.output_text)


def embeddings():
    several = client.embeddings.create(model=SERVICE, input=["x", "y"])
    plain = client.embeddings.create(model=SERVICE, input="x", encoding_format="float")
    tell(several=[d.embedding for d in several.data], plain=plain.data[0].embedding)


def models():
    tell(ids=[model.id for model in client.models.list()], one=client.models.retrieve(SERVICE).id)


def refused(**order):
    try:
        client.with_options(max_retries=0).chat.completions.create(**order)
    except openai.APIStatusError as error:
        retry_after = error.response.headers.get("retry-after")
        return {"type": type(error).__name__, "status": error.status_code, "code": error.code, "retryAfter": retry_after}
    return None


def errors():
    tell(unknown=refused(**{**asked("x"), "model": "nobody"}), bad=refused(**{**asked("x"), "max_tokens": 0}))


def unavailable():
    tell(error=refused(**asked("x")))


def patient():
    tell(error=refused(**asked("x")))
    answer = client.with_options(max_retries=3).chat.completions.create(**asked("python patient"))
    tell(whole=answer.choices[0].message.content)


def killed():
    text, tokens, ends, ids = "", 0, [], set()
    for chunk in client.chat.completions.create(**asked("python killed"), stream=True):
        ids.add(chunk.id)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            tokens += 1 if choice.delta.content else 0
            if choice.finish_reason:
                ends.append(choice.finish_reason)
            if tokens == 5 and choice.delta.content:
                tell(kill=True)
                sys.stdin.readline()
    tell(text=text, ends=len(ends), ids=len(ids))


SCENARIOS = [chat, completions, responses, embeddings, models, errors, unavailable, patient, killed]
{scenario.__name__: scenario for scenario in SCENARIOS}[SCENARIO]()
