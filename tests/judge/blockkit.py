"""Judges Block Kit payloads with Slack's own slack_sdk, and for what it does not see: ids used twice, too many blocks.

Usage: blockkit.py PAYLOADS.json  (a list; each a message with `blocks`, a list of blocks, or a view)
Prints one finding a line and exits 1; exits 0 in silence if all are good.
"""

import json
import logging
import sys

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

logging.disable(logging.CRITICAL)  # unknown blocks are findings here, not log lines


def ids(value, key):
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            yield value[key]
        for inner in value.values():
            yield from ids(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from ids(inner, key)


def twice(value, key):
    seen = set()
    for one in ids(value, key):
        if one in seen:
            yield f"{key} `{one}` is used twice"
        seen.add(one)


def empty_texts(value, path=""):
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text") and value.get("text") == "":
            yield f"{path}: empty text"
        for key, inner in value.items():
            yield from empty_texts(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from empty_texts(inner, f"{path}/{index}")


def judge(payload):
    is_view = isinstance(payload, dict) and payload.get("type") in ("modal", "home")
    blocks = payload if isinstance(payload, list) else payload.get("blocks")
    if isinstance(payload, dict) and not is_view and not payload.get("text"):
        yield "no text: notifications and screen readers need it"
    blocks = blocks or []
    most = 100 if is_view else 50
    if len(blocks) > most:
        yield f"{len(blocks)} blocks, at most {most}"
    yield from twice(blocks, "block_id")
    yield from twice(blocks, "action_id")
    yield from empty_texts(blocks)
    for index, block in enumerate(blocks):
        try:
            parsed = Block.parse(block)
            if parsed is None:
                yield f"block {index}: unknown block type `{block.get('type')}`"
                continue
            parsed.to_dict()
            if block.get("type") in ("actions", "context") and not block.get("elements"):
                yield f"block {index}: no elements"
        except SlackObjectFormationError as error:
            yield f"block {index}: {error}"
        except Exception as error:  # slack_sdk stumbles over shapes it does not expect
            yield f"block {index}: {type(error).__name__}: {error}"
    if is_view:
        try:
            View(**payload).to_dict()
        except Exception as error:
            yield f"view: {type(error).__name__}: {error}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        payloads = json.load(file)
    found = [f"payload {n}: {finding}" for n, payload in enumerate(payloads) for finding in judge(payload)]
    print("\n".join(found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
